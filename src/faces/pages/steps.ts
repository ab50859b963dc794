import { Fault } from '../../base/fault.ts'
import { minute } from '../../base/time.ts'
import {
  choosePassword,
  confirmRegister,
  identify,
  type Next,
  requestCode,
  requestCodeAgain,
  type Speech,
  tryCode,
  tryPassword,
} from '../../flows/interaction.ts'
import { relyingPartyOf, signInWithPasskey } from '../../flows/passkey.ts'
import { minimumLength } from '../../flows/password-policy.ts'
import { codeLifetime } from '../../flows/verify.ts'
import type { Interaction } from '../../model/interaction.ts'
import type { VerificationPurpose } from '../../model/verification.ts'
import type { Html, Problem } from './layout.ts'
import {
  type CodePlace,
  codePage,
  confirmRegisterPage,
  forgotPasswordPage,
  identifierPage,
  newPasswordPage,
  passwordPage,
  registerPage,
  type Said,
} from './views.ts'
import type { Visit } from './visit.ts'

export interface Step {
  path: string
  /** The first page of the way that this step lies on. */
  start: '/sign-in' | '/register' | '/forgot-password'
  /** The field that a problem can point to. */
  field: Problem['field']
  /** Throws where the settings have turned this way off. */
  check(visit: Visit): void
  /** Whether somebody got as far as this page. */
  isDue(visit: Visit): boolean
  view(visit: Visit, said: Said & { identifier: string }): Html
  submit(visit: Visit, interaction: Interaction, form: Form): Promise<Next>
}

/** A form's fields, each at most once. */
export type Form = (name: Field) => string

/** The same, and those that may come again. */
export type Fields = Form & { all(name: 'organization'): string[] }

type Field =
  | 'flow'
  | 'identifier'
  | 'password'
  | 'code'
  | 'want'
  | 'challenge'
  | 'credential'
  | 'passkey'
  | 'question'
  | 'session'
  | 'application'
  | 'factor'
  | 'user_code'

const signIn: Pick<Step, 'start' | 'check'> = {
  start: '/sign-in',
  check({ policy }) {
    if (!policy.canSignIn) throw new Fault('phone_provider_disabled')
  },
}

const register: Pick<Step, 'start' | 'check'> = {
  start: '/register',
  check({ policy }) {
    if (!policy.canRegister) throw new Fault('signup_disabled')
  },
}

const recover: Pick<Step, 'start' | 'check'> = {
  start: '/forgot-password',
  check({ policy }) {
    if (!policy.password) throw new Fault('email_provider_disabled')
  },
}

export const steps: readonly Step[] = [
  {
    ...signIn,
    path: '/sign-in',
    field: 'identifier',
    isDue: () => true,
    view: startPage,
    submit: (visit, interaction, form) =>
      identify(visit.ctx, interaction, {
        identifier: form('identifier'),
        speech: speechOf(visit, interaction),
      }),
  },
  {
    ...signIn,
    path: '/sign-in/password',
    field: 'password',
    isDue: ({ interaction, policy }) => Boolean(interaction?.state.identifier) && policy.password,
    view: ({ frame, policy }, said) =>
      passwordPage(frame, { ...said, canUseCode: policy.code, canRecover: true }),
    submit(visit, interaction, form) {
      if (form('want') === 'code') return again(visit, interaction, 'sign-in')
      if (form('password') === '') throw new Fault('password_required')
      return tryPassword(visit.ctx, interaction, form('password'))
    },
  },
  code('/sign-in/code', 'sign-in', signIn),
  {
    ...signIn,
    path: '/sign-in/passkey',
    field: null,
    isDue: () => true,
    view: startPage,
    submit: (visit, interaction, form) =>
      signInWithPasskey(visit.ctx, interaction, {
        challengeId: form('challenge'),
        credential: form('credential'),
      }),
  },
  {
    ...register,
    path: '/register',
    field: 'identifier',
    isDue: () => true,
    view: ({ frame, policy }, said) =>
      registerPage(frame, { ...said, canSignIn: policy.canSignIn }),
    submit: (visit, interaction, form) =>
      requestCode(visit.ctx, interaction, {
        identifier: form('identifier'),
        purpose: 'register',
        speech: speechOf(visit, interaction),
      }),
  },
  code('/register/code', 'register', register),
  {
    ...register,
    path: '/register/confirm',
    field: null,
    isDue: ({ interaction }) => interaction?.state.proof?.purpose === 'register',
    view: ({ frame }, said) => confirmRegisterPage(frame, said),
    submit: (visit, interaction) => confirmRegister(visit.ctx, interaction),
  },
  newPassword('/register/password', 'register', register),
  {
    ...recover,
    path: '/forgot-password',
    field: 'identifier',
    isDue: () => true,
    view: ({ frame }, said) => forgotPasswordPage(frame, said),
    submit: (visit, interaction, form) =>
      requestCode(visit.ctx, interaction, {
        identifier: form('identifier'),
        purpose: 'forgot-password',
        speech: speechOf(visit, interaction),
      }),
  },
  code('/forgot-password/code', 'forgot-password', recover),
  newPassword('/reset-password', 'forgot-password', recover),
]

function startPage({ ctx, frame, policy }: Visit, said: Said & { identifier: string }): Html {
  return identifierPage(frame, {
    ...said,
    kind: 'email',
    canRegister: policy.canRegister,
    passkeys: relyingPartyOf(ctx.config),
  })
}

function code(
  path: CodePlace,
  purpose: VerificationPurpose,
  way: Pick<Step, 'start' | 'check'>,
): Step {
  return {
    ...way,
    path,
    field: 'code',
    isDue: ({ interaction }) => interaction?.state.code?.purpose === purpose,
    view: ({ frame, policy }, said) =>
      codePage(frame, {
        ...said,
        place: path,
        minutes: codeLifetime / minute,
        canUsePassword: purpose === 'sign-in' && policy.password,
      }),
    submit(visit, interaction, form) {
      if (form('want') === 'resend') return again(visit, interaction, purpose)
      const typed = form('code').normalize('NFKC').replace(/[\s-]/g, '')
      if (typed === '') throw new Fault('code_wrong', { isEmpty: true })
      return tryCode(visit.ctx, interaction, { code: typed, purpose })
    },
  }
}

function newPassword(
  path: '/register/password' | '/reset-password',
  purpose: 'register' | 'forgot-password',
  way: Pick<Step, 'start' | 'check'>,
): Step {
  return {
    ...way,
    path,
    field: 'password',
    isDue: ({ interaction }) => interaction?.state.proof?.purpose === purpose,
    view: ({ ctx, frame }, said) =>
      newPasswordPage(frame, { ...said, place: path, min: minimumLength(ctx.config) }),
    submit: (visit, interaction, form) =>
      choosePassword(visit.ctx, interaction, { password: form('password'), purpose }),
  }
}

function again(
  visit: Visit,
  interaction: Interaction,
  purpose: VerificationPurpose,
): Promise<Next> {
  return requestCodeAgain(visit.ctx, interaction, {
    purpose,
    speech: speechOf(visit, interaction),
  })
}

function speechOf({ frame }: Visit, { applicationId }: Interaction): Speech {
  return {
    language: frame.words.language.tag,
    application: {
      name: frame.app?.name ?? houseName,
      ...(applicationId === null ? {} : { id: applicationId }),
    },
  }
}

/** How mails call a service of which nobody told the name. */
const houseName = 'Sekisho'
