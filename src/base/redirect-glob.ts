/**
 * Where a browser may be sent after a link or a sign-in: GoTrue's rules (reference/gotrue.md § 2.9). The address is held
 * to what was written, and refused where a browser would read it otherwise: a redirect that leaks carries a session.
 */
export function isAllowedRedirect(
  address: string,
  { siteUrl, patterns }: { siteUrl: string; patterns: readonly string[] },
): boolean {
  const url = parsePlainly(address)
  if (url === null) return false
  const site = new URL(siteUrl)
  const isLoopback = isLoopbackHost(url.hostname)
  const isSite = url.protocol === site.protocol && url.hostname === site.hostname
  if (isSite && url.hostname !== '' && (url.port === site.port || isLoopback)) return true
  if (isIp(url.hostname)) return isLoopback
  const [withoutFragment = ''] = address.split('#')
  return patterns.some((pattern) => isWithin(pattern, withoutFragment))
}

// What these name is run or shown as the page itself, whoever wrote it.
const activeSchemes = new Set(['javascript:', 'data:', 'vbscript:', 'blob:', 'file:', 'about:'])

/** The address as a URL, if every reader of it agrees on what it says. */
function parsePlainly(address: string): URL | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: browsers drop some of them and so read another address.
  if (address.length > 4096 || /[\u0000-\u0020\u007f\\]/.test(address)) return null
  if (!URL.canParse(address)) return null
  const url = new URL(address)
  if (activeSchemes.has(url.protocol)) return null
  const written = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(address)?.[1]
  const isWeb = url.protocol === 'http:' || url.protocol === 'https:'
  if (written === undefined) return isWeb ? null : url
  if (written.includes('@')) return null
  const host = written.replace(/:\d*$/, '').toLowerCase()
  // `0x7f.1`, `１２７.0.0.1` and `%31` are hosts that a browser reads as another.
  if (host !== url.hostname.toLowerCase()) return null
  const isName = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(host) || host.startsWith('[')
  return isWeb && !isName ? null : url
}

function isIp(hostname: string): boolean {
  return /^\d+(\.\d+){0,3}$/.test(hostname) || hostname.startsWith('[')
}

function isLoopbackHost(hostname: string): boolean {
  return hostname === 'localhost' || /^127(\.\d{1,3}){3}$/.test(hostname) || hostname === '[::1]'
}

/**
 * GoTrue matches the whole text, so that `https://*.app.test/**` also fits `https://evil?.app.test/`. Here what the
 * pattern says of the host is said of the host alone.
 */
function isWithin(pattern: string, address: string): boolean {
  const host = /^[^:]*:\/\/[^/?]*/.exec(address)?.[0]
  return expandBraces(pattern, { left: 1000 }).some((plain) => {
    if (!matches(tokensOf(plain), address)) return false
    const hostPattern = /^.*?:\/\/(?:(?!\\\?)[^/])*/.exec(plain)?.[0]
    if (host === undefined || hostPattern === undefined) return true
    return matches(tokensOf(hostPattern), host)
  })
}

type Token =
  | { kind: 'star'; crosses: boolean }
  | { kind: 'one'; accepts(character: string): boolean }

/** `*` runs to the next `.` or `/`, `**` over them; `?`, `[abc]`, `[!a-c]`, `{a,b}`; all else is itself. */
export function matchesGlob(pattern: string, text: string): boolean {
  return expandBraces(pattern, { left: 1000 }).some((plain) => matches(tokensOf(plain), text))
}

/** Every way of choosing among `{a,b}`, at most a thousand: the ways double with each. */
function expandBraces(pattern: string, budget: { left: number }): string[] {
  if (budget.left <= 0) return []
  const open = pattern.indexOf('{')
  const close = closingBrace(pattern, open)
  if (open === -1 || close === -1) {
    budget.left -= 1
    return [pattern]
  }
  const [before, within, behind] = [
    pattern.slice(0, open),
    pattern.slice(open + 1, close),
    pattern.slice(close + 1),
  ]
  return splitAlternatives(within).flatMap((choice) =>
    expandBraces(`${before}${choice}${behind}`, budget),
  )
}

function closingBrace(pattern: string, open: number): number {
  let depth = 0
  for (let at = open; at >= 0 && at < pattern.length; at += 1) {
    if (pattern[at] === '{') depth += 1
    if (pattern[at] === '}') depth -= 1
    if (depth === 0) return at
  }
  return -1
}

function splitAlternatives(within: string): string[] {
  const choices = ['']
  let depth = 0
  for (const character of within) {
    if (character === '{') depth += 1
    if (character === '}') depth -= 1
    if (character === ',' && depth === 0) choices.push('')
    else choices.push(`${choices.pop()}${character}`)
  }
  return choices
}

function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = []
  const parts = pattern.matchAll(/\*\*|\*|\?|\[!?[^\]]+\]|\\.|./gsu)
  for (const [part] of parts) {
    if (part === '**') tokens.push({ kind: 'star', crosses: true })
    else if (part === '*') tokens.push({ kind: 'star', crosses: false })
    else if (part === '?')
      tokens.push({ kind: 'one', accepts: (character) => !isSeparator(character) })
    else if (part.startsWith('[') && part.length > 1)
      tokens.push({ kind: 'one', accepts: classOf(part) })
    else
      tokens.push({
        kind: 'one',
        accepts: (character) => character === part.replace(/^\\(?=.)/u, ''),
      })
  }
  return tokens
}

function classOf(part: string): (character: string) => boolean {
  const isNegated = part[1] === '!'
  const inner = part.slice(isNegated ? 2 : 1, -1)
  const ranges = [...inner.matchAll(/(.)-(.)|(.)/gu)].map(([, from, to, single]) => ({
    from: from ?? single ?? '',
    to: to ?? single ?? '',
  }))
  return (character) =>
    ranges.some(({ from, to }) => from <= character && character <= to) !== isNegated
}

function isSeparator(character: string): boolean {
  return character === '.' || character === '/'
}

/** Follows all ways through the pattern at once, so that no address makes it slow. */
function matches(tokens: readonly Token[], text: string): boolean {
  let places = skipStars(tokens, new Set([0]))
  for (const character of text) {
    const next = new Set<number>()
    for (const place of places) {
      const token = tokens[place]
      if (token?.kind === 'star' && (token.crosses || !isSeparator(character))) next.add(place)
      if (token?.kind === 'one' && token.accepts(character)) next.add(place + 1)
    }
    places = skipStars(tokens, next)
  }
  return places.has(tokens.length)
}

function skipStars(tokens: readonly Token[], places: Set<number>): Set<number> {
  for (const place of places) {
    if (tokens[place]?.kind === 'star') places.add(place + 1)
  }
  return places
}
