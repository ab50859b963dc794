// Every page works without this script.
const all = (selector) => document.querySelectorAll(selector)
document.documentElement.classList.add('js')

// One press, one submit; a page that comes back from the history may submit again.
const free = (form) => {
  delete form.dataset.sent
  for (const button of form.querySelectorAll('[aria-busy]')) button.removeAttribute('aria-busy')
}
addEventListener('submit', (event) => {
  const form = event.target
  if (form.dataset.sent) return event.preventDefault()
  form.dataset.sent = 1
  event.submitter?.setAttribute('aria-busy', true)
  setTimeout(free, 8000, form)
})
addEventListener('pageshow', () => all('form').forEach(free))

for (const button of all('[data-show]')) {
  button.hidden = false
  button.onclick = () => {
    const input = document.getElementById(button.dataset.show)
    const shown = input.type === 'text'
    input.type = shown ? 'password' : 'text'
    button.setAttribute('aria-pressed', !shown)
  }
}

// Six digits submit themselves: once, and never on a page that reports a mistake.
const code = document.getElementById('code')
let done = code?.ariaInvalid
code?.addEventListener('input', () => {
  if (!done && /^\d{6}$/.test(code.value.normalize('NFKC').replace(/[\s-]/g, ''))) {
    done = true
    code.form.requestSubmit()
  }
})
