import type { Words } from './en.ts'

/** 日本語。 */
export const ja: Words = {
  language: { tag: 'ja', name: '日本語', direction: 'ltr' },

  common: {
    title: '{step} · {app}',
    skip: 'フォームへ移動',
    languages: '言語',
    continue: '次へ',
    change: '変更',
    show: '表示',
    showPassword: 'パスワードを表示',
    or: 'または',
    privacy: 'プライバシー',
    terms: '利用規約',
    help: 'ヘルプ',
    problem: 'エラー',
    refreshed: 'ページを開いてから時間が経ったため、更新しました。',
    here: 'このサービス',
  },

  field: {
    email: 'メールアドレス',
    username: 'ユーザー名',
    emailOrUsername: 'メールアドレスまたはユーザー名',
    password: 'パスワード',
    newPassword: '新しいパスワード',
    newPasswordHint: '{min} 文字以上。いくつかの言葉を並べると覚えやすくなります。',
    code: '6 桁のコード',
    codeHint: '届かない場合は、迷惑メールフォルダーを確認してください。',
  },

  signIn: {
    title: 'ログイン',
    to: '{app} に進みます',
    newHere: 'はじめての方は',
    createAccount: 'アカウントを作成',
    enterPassword: 'パスワードの入力',
    enterCode: 'コードの入力',
    signedInAs: 'ログインするアカウント',
    forgot: 'パスワードをお忘れですか',
    useCode: '代わりにコードを受け取る',
    usePassword: '代わりにパスワードを使う',
    codeSent: '{to} のアカウントがある場合、6 桁のコードを送信しました。{minutes} 分間有効です。',
    verify: 'ログイン',
    resend: 'コードを再送信',
    resent: '新しいコードを送信しました。以前のコードは使えません。',
  },

  register: {
    title: 'アカウントの作成',
    haveAccount: 'アカウントをお持ちの方は',
    signIn: 'ログイン',
    checkMail: 'メールを確認してください',
    codeSent: '{to} にメールを送信しました。記載の 6 桁のコードは {minutes} 分間有効です。',
    verify: '次へ',
    choosePassword: 'パスワードの設定',
    finish: 'アカウントを作成',
    confirmTitle: 'アカウントを作成しますか',
    confirm: '{to} のアカウントはまだありません。今すぐ作成できます。',
    agree: '続けると、{terms}と{privacy}に同意したことになります。',
    agreeTerms: '続けると、{terms}に同意したことになります。',
    agreePrivacy: '続けると、{privacy}に同意したことになります。',
    termsOfUse: '利用規約',
    privacyPolicy: 'プライバシーポリシー',
  },

  recover: {
    title: 'パスワードの再設定',
    lead: 'メールアドレスを入力してください。新しいパスワードを設定するためのコードを送信します。',
    send: 'コードを送信',
    back: 'ログインに戻る',
    chooseNew: '新しいパスワードの設定',
    signsOut: 'すべての端末からログアウトされます。',
    save: 'パスワードを保存',
  },

  message: {
    signedInTitle: 'ログインしました',
    signedIn: 'このページを閉じるか、アプリに戻ってください。',
    signedOutTitle: 'ログアウトしました',
    signedOut: 'このページを閉じてかまいません。',
    signInAgain: 'もう一度ログイン',
    passwordChangedTitle: 'パスワードを保存しました',
    passwordChanged: '新しいパスワードが使えます。すべての端末からログアウトしました。',
    signOutTitle: 'ログアウトしますか',
    signOut: 'この端末で {app} からログアウトします。',
    signOutYes: 'ログアウト',
    signOutNo: 'ログインしたままにする',
    stayedTitle: 'ログインしたままです',
    stayed: '変更はありません。',
  },

  error: {
    title: '完了できませんでした',
    emailMissing: 'メールアドレスを入力してください。',
    emailMalformed:
      'メールアドレスの形になっていません。name@example.com のような形か確認してください。',
    usernameMissing: 'ユーザー名を入力してください。',
    identifierMissing: 'メールアドレスまたはユーザー名を入力してください。',
    passwordMissing: 'パスワードを入力してください。',
    passwordWrong:
      'メールアドレスとパスワードが一致しません。両方を確認するか、コードでログインしてください。',
    passwordWrongOnly: 'メールアドレスとパスワードが一致しません。両方を確認してください。',
    passwordShort: 'パスワードが短すぎます。{min} 文字以上にしてください。',
    passwordLong: 'パスワードが長すぎます。{max} 文字以下にしてください。',
    passwordWeak: '推測されやすいパスワードです。別のものにしてください。',
    passwordSame: '現在のパスワードと同じです。別のものにしてください。',
    codeMissing: 'メールに記載の 6 桁のコードを入力してください。',
    codeWrong: 'コードが違います。あと {tries} 回試せます。',
    codeWrongLast: 'コードが違います。あと 1 回試せます。',
    codeExpired: 'コードの有効期限が切れました。再送信してください。',
    tooMany: '試行回数が多すぎます。{minutes} 分待つか、別の方法でログインしてください。',
    tooManySoon: '試行回数が多すぎます。{seconds} 秒待ってから、もう一度お試しください。',
    mailTooSoon: 'メールを送信したばかりです。{seconds} 秒待ってから再送信してください。',
    mailFailed:
      'メールを送信できませんでした。変更はありません。1 分ほど待って、もう一度お試しください。',
    accountOff: 'このアカウントは停止されています。{app} の管理者にお問い合わせください。',
    notConfirmed:
      'このメールアドレスはまだ確認されていません。コードでログインすると確認できます。',
    hookRefused: 'ここにはログインできません。{app} の管理者にお問い合わせください。',
    registerOff: 'ここでは新しいアカウントを作成できません。',
    signInOff: 'ここではログインを受け付けていません。',
    passwordsOff: 'ここではパスワードを使えません。コードでログインしてください。',
    codesOff: 'ここではコードを使えません。パスワードでログインしてください。',
    alreadyRegistered: 'このメールアドレスのアカウントがあります。ログインしてください。',
    flowEnded: 'このログインは終了しました。アプリに戻って、もう一度始めてください。',
    foreignForm:
      '別のサイトから送られたフォームのため、使用しませんでした。ここでもう一度お試しください。',
    badRequest: '送信内容を読み取れませんでした。変更はありません。もう一度お試しください。',
    appMisconfigured: 'このアプリは正しく設定されていません。アプリの管理者にお知らせください。',
    received: '受け取った値',
    registered: '登録されている値',
    notFoundTitle: 'ページが見つかりません',
    notFound: 'このアドレスにページはありません。',
    server: '当方の問題で完了できませんでした。変更はありません。もう一度お試しください。',
    reference: '参照番号: {reference}',
  },

  mail: {
    code: {
      SignIn: {
        subject: '{code} は {app} のコードです',
        lead: '{app} にログインするには、このコードを入力してください。',
      },
      Register: {
        subject: '{code} は {app} のコードです',
        lead: '{app} のアカウントを作成するには、このコードを入力してください。',
      },
      ForgotPassword: {
        subject: '{code} は {app} のパスワード再設定コードです',
        lead: '{app} の新しいパスワードを設定するには、このコードを入力してください。',
      },
      Generic: {
        subject: '{code} は {app} のコードです',
        lead: '{app} のコード:',
      },
    },
    codeWorks: '{minutes} 分間、1 回だけ有効です。',
    notYou:
      'お心当たりがない場合は、何もする必要はありません。コードがなければ誰もログインできません。コードは誰にも教えないでください。',
    link: {
      confirmation: {
        subject: 'メールアドレスの確認',
        lead: '{email} があなたのメールアドレスであることを確認してください。',
        button: 'メールアドレスを確認',
      },
      recovery: {
        subject: 'パスワードの再設定',
        lead: '{app} の新しいパスワードを設定してください。',
        button: 'パスワードを再設定',
      },
      invite: {
        subject: '招待が届いています',
        lead: '{app} に招待されました。承諾するとアカウントを作成できます。',
        button: '招待を承諾',
      },
      magicLink: {
        subject: 'ログイン用リンク',
        lead: '{app} にログインしてください。',
        button: 'ログイン',
      },
      emailChange: {
        subject: '新しいメールアドレスの確認',
        lead: 'メールアドレスを {email} から {newEmail} に変更することを確認してください。',
        button: 'メールアドレスを変更',
      },
      alreadyRegistered: {
        subject: 'すでにアカウントをお持ちです',
        lead: '{email} で {app} の新しいアカウントを作成しようとした方がいます。すでにアカウントがありますので、そのままログインできます。',
        button: 'ログイン',
      },
    },
    reauthentication: {
      subject: '{code} は確認コードです',
      lead: 'ご本人であることを確認するため、このコードを入力してください。',
    },
    orCode: 'または、このコードを入力してください: {code}',
    linkNotYou: 'お心当たりがない場合は、このメールを無視してください。',
  },
}
