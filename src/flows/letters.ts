import type { MessageType } from '../connectors/index.ts'

/** The mails that carry a code and a link of GoTrue's kind. */
export type Letter =
  | 'confirmation'
  | 'invite'
  | 'recovery'
  | 'magicLink'
  | 'emailChange'
  | 'reauthentication'

/** The mails that only tell what has happened. */
export type Notice =
  | 'passwordChanged'
  | 'emailChanged'
  | 'phoneChanged'
  | 'identityLinked'
  | 'identityUnlinked'
  | 'factorEnrolled'
  | 'factorUnenrolled'

interface Facts {
  /** GoTrue's name of the mail, in the SMTP header that an operator may write `$messageType` into. */
  header: string
  /** Logto's, by which a connector's deliveries are chosen. */
  message: MessageType
}

export const factsOf: Record<Letter | Notice, Facts> = {
  confirmation: { header: 'confirm', message: 'Register' },
  invite: { header: 'invite', message: 'OrganizationInvitation' },
  recovery: { header: 'recovery', message: 'ForgotPassword' },
  magicLink: { header: 'magiclink', message: 'SignIn' },
  emailChange: { header: 'email_change', message: 'BindNewIdentifier' },
  reauthentication: { header: 'reauthenticate', message: 'UserPermissionValidation' },
  passwordChanged: { header: 'password_changed_notification', message: 'Generic' },
  emailChanged: { header: 'email_changed_notification', message: 'Generic' },
  phoneChanged: { header: 'phone_changed_notification', message: 'Generic' },
  identityLinked: { header: 'identity_linked_notification', message: 'Generic' },
  identityUnlinked: { header: 'identity_unlinked_notification', message: 'Generic' },
  factorEnrolled: { header: 'mfa_factor_enrolled_notification', message: 'Generic' },
  factorUnenrolled: { header: 'mfa_factor_unenrolled_notification', message: 'Generic' },
}
