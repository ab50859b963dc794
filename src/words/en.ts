/**
 * English, and at the same time the shape that every other language fills.
 * `{name}` is a place: the same places stand in every language, in any order.
 */
export const en = {
  language: { tag: 'en', name: 'English', direction: 'ltr' },

  common: {
    title: '{step} · {app}',
    skip: 'Skip to the form',
    languages: 'Language',
    continue: 'Continue',
    change: 'Change',
    show: 'Show',
    showPassword: 'Show password',
    or: 'or',
    privacy: 'Privacy',
    terms: 'Terms',
    help: 'Help',
    problem: 'Problem',
    refreshed: 'This page was open for a long time, so we refreshed it.',
    here: 'this service',
  },

  field: {
    email: 'Email',
    username: 'Username',
    emailOrUsername: 'Email or username',
    password: 'Password',
    newPassword: 'New password',
    newPasswordHint: 'At least {min} characters. A few words are easy to remember.',
    code: '6-digit code',
    codeHint: 'Nothing there? Look in the spam folder.',
  },

  signIn: {
    title: 'Sign in',
    to: 'to continue to {app}',
    newHere: 'New here?',
    createAccount: 'Create an account',
    enterPassword: 'Enter your password',
    enterCode: 'Enter the code',
    signedInAs: 'Signing in as',
    forgot: 'Forgot your password?',
    useCode: 'Send me a code instead',
    usePassword: 'Use my password instead',
    codeSent:
      'If an account exists for {to}, we sent a 6-digit code. It works for {minutes} minutes.',
    verify: 'Sign in',
    resend: 'Send a new code',
    resent: 'We sent a new code. Codes sent before no longer work.',
  },

  register: {
    title: 'Create an account',
    haveAccount: 'Already have an account?',
    signIn: 'Sign in',
    checkMail: 'Check your mail',
    codeSent:
      'We sent a message to {to}. It holds a 6-digit code that works for {minutes} minutes.',
    verify: 'Continue',
    choosePassword: 'Choose a password',
    finish: 'Create account',
    confirmTitle: 'Create an account?',
    confirm: 'There is no account for {to} yet. You can create one now.',
    agree: 'By continuing you agree to the {terms} and the {privacy}.',
    agreeTerms: 'By continuing you agree to the {terms}.',
    agreePrivacy: 'By continuing you agree to the {privacy}.',
    termsOfUse: 'terms of use',
    privacyPolicy: 'privacy policy',
  },

  recover: {
    title: 'Reset your password',
    lead: 'Type your email. We send a code with which you choose a new password.',
    send: 'Send a code',
    back: 'Back to sign in',
    chooseNew: 'Choose a new password',
    signsOut: 'All your devices will be signed out.',
    save: 'Save password',
  },

  message: {
    signedInTitle: 'You are signed in',
    signedIn: 'You can close this page, or go back to the app.',
    signedOutTitle: 'You are signed out',
    signedOut: 'You can close this page.',
    signInAgain: 'Sign in again',
    passwordChangedTitle: 'Password saved',
    passwordChanged: 'Your new password works from now on. All devices were signed out.',
    signOutTitle: 'Sign out?',
    signOut: 'You will be signed out of {app} on this device.',
    signOutYes: 'Sign out',
    signOutNo: 'Stay signed in',
    stayedTitle: 'You stay signed in',
    stayed: 'Nothing was changed.',
  },

  error: {
    title: 'That did not work',
    emailMissing: 'Type your email.',
    emailMalformed:
      'That does not look like an email address. Check it, for example: name@example.com.',
    usernameMissing: 'Type your username.',
    identifierMissing: 'Type your email or username.',
    passwordMissing: 'Type your password.',
    passwordWrong: 'That email and password do not match. Check both, or sign in with a code.',
    passwordWrongOnly: 'That email and password do not match. Check both.',
    passwordShort: 'That password is too short. Use at least {min} characters.',
    passwordLong: 'That password is too long. Use at most {max} characters.',
    passwordWeak: 'That password is easy to guess. Choose another one.',
    passwordSame: 'That is the password you have now. Choose another one.',
    codeMissing: 'Type the 6-digit code from the mail.',
    codeWrong: 'That code is not right. You have {tries} tries left.',
    codeWrongLast: 'That code is not right. You have 1 try left.',
    codeExpired: 'That code has expired. Send a new one.',
    tooMany: 'Too many tries. Wait {minutes} minutes, or use another way to sign in.',
    tooManySoon: 'Too many tries. Wait {seconds} seconds, then try again.',
    mailTooSoon: 'We have just sent a mail. Wait {seconds} seconds before you ask for another.',
    mailFailed: 'We could not send the mail. Nothing was changed. Try again in a minute.',
    accountOff: 'This account is turned off. Ask the people who run {app}.',
    notConfirmed: 'This address is not confirmed yet. Sign in with a code to confirm it.',
    hookRefused: 'You cannot sign in here. Ask the people who run {app}.',
    registerOff: 'New accounts cannot be created here.',
    signInOff: 'Signing in is turned off here.',
    passwordsOff: 'Passwords are turned off here. Sign in with a code.',
    codesOff: 'Codes are turned off here. Sign in with your password.',
    alreadyRegistered: 'This address has an account now. Sign in with it.',
    flowEnded: 'This sign-in has ended. Go back to the app and start again.',
    foreignForm: 'This form came from another site, so we did not use it. Try again here.',
    badRequest: 'We could not read what was sent. Nothing was changed. Try again.',
    appMisconfigured: 'This app is not set up correctly. Tell the people who run it.',
    received: 'Received',
    registered: 'Registered',
    notFoundTitle: 'Page not found',
    notFound: 'There is no page at this address.',
    server: 'Something went wrong on our side. Nothing was changed. Try again.',
    reference: 'Reference: {reference}',
  },

  mail: {
    code: {
      SignIn: {
        subject: '{code} is your {app} code',
        lead: 'Type this code to sign in to {app}:',
      },
      Register: {
        subject: '{code} is your {app} code',
        lead: 'Type this code to create your {app} account:',
      },
      ForgotPassword: {
        subject: '{code} is your {app} code to reset your password',
        lead: 'Type this code to choose a new password for {app}:',
      },
      Generic: {
        subject: '{code} is your {app} code',
        lead: 'Your code for {app}:',
      },
    },
    codeWorks: 'It works for {minutes} minutes, once.',
    notYou: 'Was it not you? Then do nothing: without the code nobody gets in. Never pass it on.',
    link: {
      confirmation: {
        subject: 'Confirm your email address',
        lead: 'Confirm that {email} is your address:',
        button: 'Confirm email address',
      },
      recovery: {
        subject: 'Reset your password',
        lead: 'Choose a new password for {app}:',
        button: 'Reset password',
      },
      invite: {
        subject: "You've been invited",
        lead: 'You have been invited to {app}. Accept to create your account:',
        button: 'Accept the invitation',
      },
      magicLink: {
        subject: 'Your sign-in link',
        lead: 'Sign in to {app}:',
        button: 'Sign in',
      },
      emailChange: {
        subject: 'Confirm your new email address',
        lead: 'Confirm that your address changes from {email} to {newEmail}:',
        button: 'Change email address',
      },
      alreadyRegistered: {
        subject: 'You already have an account',
        lead: 'Somebody asked for a new {app} account with {email}. You have one already; sign in with it:',
        button: 'Sign in',
      },
    },
    reauthentication: {
      subject: '{code} is your verification code',
      lead: 'Type this code to confirm that it is you:',
    },
    orCode: 'Or type this code: {code}',
    linkNotYou: 'Was it not you? Then you can ignore this mail.',
  },
}

/** What a language has to say. `direction` and every text are plain strings. */
export type Words = typeof en
