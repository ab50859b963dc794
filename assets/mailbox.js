// News: when another message has come, the page is shown anew. And codes are copied with one click.
const { newest, to } = document.body.dataset
setInterval(async () => {
  if (document.hidden || document.activeElement?.id === 'to') return
  const answer = await fetch(`/api/dev/messages?to=${encodeURIComponent(to)}`).catch(() => null)
  if (!answer?.ok) return
  const [first] = await answer.json()
  if ((first?.id ?? '') !== newest) location.reload()
}, 2000)
for (const button of document.querySelectorAll('[data-copy]')) {
  button.hidden = !navigator.clipboard
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value)
    button.textContent = button.dataset.done
  })
}
