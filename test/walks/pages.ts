import type { PostOffice } from './mail.ts'
import { formsOf, type Page, type Visitor } from './visitor.ts'

/** From the page that asks who somebody is, to wherever the app sends them after their password. */
export async function signInWithPassword(
  visitor: Visitor,
  start: Page,
  { email, password }: { email: string; password: string },
): Promise<Page> {
  const next = await visitor.submit(start, { identifier: email }, '/sign-in')
  return visitor.submit(next, { password }, '/sign-in/password')
}

/** The same with a code from the mail. */
export async function signInWithCode(
  visitor: Visitor,
  start: Page,
  { email, post }: { email: string; post: PostOffice },
): Promise<Page> {
  const next = await visitor.submit(start, { identifier: email }, '/sign-in')
  const asked = hasForm(next, '/sign-in/code')
    ? next
    : await visitor.submit(next, { want: 'code' }, '/sign-in/password')
  const { code } = await post.next(email)
  return visitor.submit(asked, { code }, '/sign-in/code')
}

/** A new account by a code from the mail, with a password where the settings want one. */
export async function register(
  visitor: Visitor,
  start: Page,
  { email, password, post }: { email: string; password?: string; post: PostOffice },
): Promise<Page> {
  const form = await visitor.open(new URL(linkTo(start, '/register'), start.url).href)
  const asked = await visitor.submit(form, { identifier: email }, '/register')
  const { code } = await post.next(email)
  const next = await visitor.submit(asked, { code }, '/register/code')
  return password === undefined ? next : visitor.submit(next, { password }, '/register/password')
}

export function hasForm(page: Page, action: string): boolean {
  return formsOf(page).some((form) => form.action.includes(action))
}

/** The first link of a page whose target begins so. */
export function linkTo(page: Page, beginning: string): string {
  for (const [, target = ''] of page.body.matchAll(/<a\b[^>]*\shref="([^"]*)"/gi)) {
    if (target.startsWith(beginning)) return target.replaceAll('&amp;', '&')
  }
  throw new Error(`No link to ${beginning} at ${page.url} (${page.status}).\n${page.body}`)
}
