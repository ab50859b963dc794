import { en, type Words } from './en.ts'
import { ja } from './ja.ts'

export type { Words } from './en.ts'

/** Every language of the house, in the order in which the language menu shows them. */
export const languages: readonly Words[] = [en, ja]

/** The words of a language tag such as `ja`, `ja-JP` or `en_GB`; English for a tongue we do not have. */
export function wordsFor(language: string | null | undefined): Words {
  return (language && find(language)) || en
}

export interface Wishes {
  /** What the person chose on a page before, kept in a cookie. */
  chosen?: string | null | undefined
  /** OpenID Connect's `ui_locales`: tags in order of preference, separated by spaces. */
  uiLocales?: string | null | undefined
  /** The `Accept-Language` header, left out where the settings turn detection off. */
  acceptLanguage?: string | null | undefined
  /** What the settings name for everybody else. */
  fallback?: string | null | undefined
}

/** Picks a language: a person's choice, then the app's wish, then the browser's, then the house's. */
export function negotiate(wishes: Wishes): Words {
  const candidates = [
    wishes.chosen ?? '',
    ...(wishes.uiLocales ?? '').split(/\s+/),
    ...acceptedLanguages(wishes.acceptLanguage ?? ''),
    wishes.fallback ?? '',
  ]
  for (const candidate of candidates) {
    const words = find(candidate)
    if (words) return words
  }
  return en
}

/** The tags of an Accept-Language header, best first; a tag with q=0 is refused, not merely last. */
export function acceptedLanguages(header: string): string[] {
  return header
    .slice(0, 1000)
    .split(',')
    .map((part) => {
      const [tag = '', ...parameters] = part.split(';').map((piece) => piece.trim())
      const q = parameters
        .map((one) => /^q\s*=\s*([01](?:\.\d{0,3})?)$/i.exec(one)?.[1])
        .find(Boolean)
      return { tag, weight: q === undefined ? 1 : Number(q) }
    })
    .filter(({ tag, weight }) => /^[a-z]{1,8}([-_][a-z0-9]{1,8})*$/i.test(tag) && weight > 0)
    .sort((one, other) => other.weight - one.weight)
    .map(({ tag }) => tag)
}

/** Puts values into the `{places}` of a text; a place without a value stays, so that a test sees it. */
export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (place, name: string) =>
    Object.hasOwn(values, name) ? String(values[name]) : place,
  )
}

function find(tag: string): Words | undefined {
  const primary = tag.trim().toLowerCase().split(/[-_]/)[0]
  return languages.find((words) => words.language.tag === primary)
}
