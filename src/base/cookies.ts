/**
 * The two cookies of the hosted pages and the OpenID Provider, which share them. Over https their names begin with
 * `__Host-`: no other host, path or plain-text answer can set them.
 */
export interface BrowserCookies {
  /** The secret to which the interactions of this browser are bound. */
  flow: string
  /** Carries the session: `carrySession(ctx, id, 'browser', …)`. */
  session: string
  /** How both are set; `lax`, because people come here by a redirect from their app. */
  attributes: { path: '/'; httpOnly: true; sameSite: 'Lax'; secure: boolean }
}

export function browserCookies(config: { publicUrl: string }): BrowserCookies {
  const secure = config.publicUrl.startsWith('https:')
  const prefix = secure ? '__Host-' : ''
  return {
    flow: `${prefix}flow`,
    session: `${prefix}session`,
    attributes: { path: '/', httpOnly: true, sameSite: 'Lax', secure },
  }
}
