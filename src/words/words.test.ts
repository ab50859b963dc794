import { describe, expect, test } from 'vitest'
import { en } from './en.ts'
import { codeMail, linkMail } from './mail.ts'
import { acceptedLanguages, fill, languages, negotiate, wordsFor } from './words.ts'

function texts(value: unknown, path = ''): Map<string, string> {
  if (typeof value === 'string') return new Map([[path, value]])
  return new Map(
    Object.entries(value as object).flatMap(([key, inner]) => [...texts(inner, `${path}.${key}`)]),
  )
}

const places = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([place]) => place).sort()

describe('languages', () => {
  test.each(languages)('$language.name says every sentence, with the same places', (words) => {
    const said = texts(words)
    for (const [path, text] of texts(en)) {
      expect(said.get(path), path).not.toBe('')
      expect(places(said.get(path) ?? ''), path).toEqual(places(text))
    }
  })

  test('no sentence blames or shouts', () => {
    for (const [path, text] of texts(en)) {
      expect(text, path).not.toMatch(/\binvalid\b|\boops\b|!/i)
    }
  })

  test('a regional tag finds its language, an unknown one English', () => {
    expect(wordsFor('ja-JP').language.tag).toBe('ja')
    expect(wordsFor('JA_jp').language.tag).toBe('ja')
    expect(wordsFor('tlh').language.tag).toBe('en')
    expect(wordsFor(null).language.tag).toBe('en')
  })
})

describe('negotiation', () => {
  test('q-values order the tags, whitespace does not matter, and q=0 refuses', () => {
    expect(acceptedLanguages(' de ; q=0.3 , ja;q = 0.9,en-GB;q=0, fr')).toEqual(['fr', 'ja', 'de'])
  })

  test('of equal weights the first wins', () => {
    expect(negotiate({ acceptLanguage: 'fr, ja;q=0.5, en;q=0.5' }).language.tag).toBe('ja')
  })

  test('a header that is no list of languages is passed over', () => {
    expect(acceptedLanguages(`"><script>,*,${'x'.repeat(5000)}`)).toEqual([])
    expect(negotiate({ acceptLanguage: '*', fallback: 'ja' }).language.tag).toBe('ja')
  })

  test('a choice comes before the wish of the app, and that before the browser', () => {
    const wishes = { uiLocales: 'fr ja', acceptLanguage: 'en', fallback: 'en' }
    expect(negotiate(wishes).language.tag).toBe('ja')
    expect(negotiate({ ...wishes, chosen: 'en' }).language.tag).toBe('en')
    expect(negotiate({ ...wishes, chosen: 'tlh' }).language.tag).toBe('ja')
  })
})

describe('default mails', () => {
  test.each(languages)('in $language.name the code comes first in subject and text', (words) => {
    const mail = codeMail(words, 'SignIn', { code: '012345', app: 'Bookstore', minutes: 10 })
    expect(mail.subject).toMatch(/^012345 /)
    expect(mail.text).toMatch(/^012345\n/)
    expect(mail.html).toContain('>012345<')
    expect(mail.html).toContain(`<html lang="${words.language.tag}"`)
    expect(mail.subject + mail.text + mail.html).not.toMatch(/\{\w+\}/)
  })

  test.each(Object.keys(en.mail.link) as (keyof typeof en.mail.link)[])(
    'a mail for %s holds its link and code, and no open place',
    (type) => {
      for (const words of languages) {
        const link = 'https://id.example.com/auth/v1/verify?token=abc&type=signup'
        const mail = linkMail(words, type, {
          link,
          app: 'Bookstore',
          email: 'ann@example.com',
          newEmail: 'bea@example.com',
          code: '012345',
        })
        expect(mail.text).toContain(link)
        expect(mail.text).toContain('012345')
        expect(mail.html).toContain(`href="${link.replace('&', '&amp;')}"`)
        expect(mail.subject + mail.text + mail.html).not.toMatch(/\{\w+\}/)
      }
    },
  )

  test('a name cannot add markup to a mail or a header to its subject (B8, B9)', () => {
    const mail = codeMail(en, 'Register', {
      code: '012345',
      app: 'Evil\r\nBcc: all@example.com <a href="//evil">{code}</a>',
      minutes: 10,
    })
    expect(mail.subject).not.toMatch(/[\r\n]/)
    expect(mail.html).not.toContain('<a href')
    expect(mail.subject).toContain('{code}')
  })

  test('a place without a value stays to be seen', () => {
    expect(fill('{known} {unknown} {toString}', { known: 1 })).toBe('1 {unknown} {toString}')
  })
})
