/** Who says so in an `Authorization: Basic` header; more than one secret where it can be read in two ways. */
export function readBasic(authorization: string): { id: string; secrets: string[] } | null {
  const [, encoded] = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? []
  if (encoded === undefined || encoded.length > 4096) return null
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 0 || text.includes('\0') || text.includes('\ufffd')) return null
  const id = formDecoded(text.slice(0, colon))
  const secret = text.slice(colon + 1)
  if (id === null || id === '') return null
  // RFC 6749 § 2.3.1 wants both form-encoded; Logto's Go SDK and curl send them as they are.
  const readings = [formDecoded(secret), secret].filter((one) => one !== null && one !== '')
  return { id, secrets: [...new Set(readings as string[])] }
}

function formDecoded(text: string): string | null {
  if (!/[%+]/.test(text)) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return null
  }
}
