// Asks for passkeys. What the browser answers is posted as an ordinary form; without this script the page offers none.
const form = document.getElementById('passkey')
const { rp, options: address, kind, offers, unknown } = form.dataset
const failure = document.getElementById('passkey-err')
const decode = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (one) => one.charCodeAt(0))
const encode = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, '-')
    .replace(/\//g, '_')
    .replace(/=+$/, '')
let controller
let timer

async function ask(mediation) {
  controller?.abort()
  const { signal } = (controller = new AbortController())
  const body = new URLSearchParams(new FormData(form))
  const answer = await fetch(address, { method: 'POST', body, signal })
  if (!answer.ok) throw new Error(answer.status)
  const { flow, challengeId, options } = await answer.json()
  options.challenge = decode(options.challenge)
  if (options.user) options.user.id = decode(options.user.id)
  for (const one of options.excludeCredentials ?? options.allowCredentials ?? []) one.id = decode(one.id)
  const { id, rawId, type, response } = await navigator.credentials[kind]({
    publicKey: options,
    signal,
    ...(mediation && { mediation }),
  })
  const told = { transports: response.getTransports?.() }
  for (const name of ['clientDataJSON', 'authenticatorData', 'signature', 'userHandle', 'attestationObject']) {
    if (response[name] instanceof ArrayBuffer) told[name] = encode(response[name])
  }
  if (flow) form.elements.flow.value = flow
  form.elements.challenge.value = challengeId
  form.elements.credential.value = JSON.stringify({ id, rawId: encode(rawId), type, response: told })
  form.submit()
}

// Passkeys in the field's own list: silent, and asked again before the question ends.
async function offer() {
  clearTimeout(timer)
  if (!offers || !(await PublicKeyCredential.isConditionalMediationAvailable?.())) return
  timer = setTimeout(offer, 24e4)
  await ask('conditional').catch(() => {})
}

// A key made for one name never answers to another; to those below it, it does.
if (self.PublicKeyCredential && `.${location.hostname}`.endsWith(`.${rp}`)) {
  form.hidden = false
  const button = form.querySelector('button')
  button.onclick = async () => {
    clearTimeout(timer)
    failure.hidden = true
    try {
      await ask()
    } catch (error) {
      // Who closed the dialog knows that they did.
      failure.hidden = /^(NotAllowed|Abort)Error$/.test(error.name)
      if (!failure.hidden) failure.focus()
      offer()
    }
  }
  if (unknown) {
    PublicKeyCredential.signalUnknownCredential?.({ rpId: rp, credentialId: unknown }).catch(() => {})
  }
  addEventListener('pageshow', offer)
} else document.getElementById('passkey-off')?.removeAttribute('hidden')
