import type { Back } from '../../flows/authorize.ts'
import type { SessionEnd } from '../../flows/end-session.ts'
import type { Session } from '../../model/session.ts'
import type { Call } from './cors.ts'

/** What people are told where they cannot be sent back to their app. */
export interface Trouble {
  /** The app is set up wrongly, the sign-in has ended, we failed, or cannot answer just now. */
  about: 'app' | 'ended' | 'server' | 'away'
  /** Whole seconds until it is worth another try. */
  retryAfter: number | null
  /** OAuth's word for it, and what it means, for developers. */
  error: string
  description: string
  /** What came: parameters by their names. */
  received: Record<string, string>
  applicationId: string | null
  /** Which of the application's addresses the matter is about. */
  addresses: 'redirectUris' | 'postLogoutRedirectUris'
}

/** What this face needs of the hosted pages; `main` hands it over, since faces do not know each other. */
export interface Pages {
  tellTrouble(c: Call, trouble: Trouble): Response | Promise<Response>
  /** The page that posts an answer to the application (OAuth 2.0 Form Post Response Mode). */
  postBack(
    c: Call,
    answer: { to: Back['redirectUri']; fields: Record<string, string> },
  ): Response | Promise<Response>
  /** The question before a sign-out; `query` is what the language menu comes back with. */
  askSignOut(
    c: Call,
    asked: { session: Session; end: SessionEnd; query: Record<string, string> },
  ): Response | Promise<Response>
}
