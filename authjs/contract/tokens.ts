import {
  atOnce,
  equal,
  freshEmail,
  isNothing,
  isNull,
  past,
  type Rule,
  refuses,
  tokenFor,
} from './rule.ts'

export const tokenRules: readonly Rule[] = [
  {
    name: 'A link is good once, and comes back as it was given',
    about: ['createVerificationToken', 'useVerificationToken', '8.1', '1.5'],
    async check(adapter) {
      const given = tokenFor()
      await adapter.createVerificationToken({ ...given })
      const { identifier, token } = given
      equal(await adapter.useVerificationToken({ identifier, token }), given, 'the first use')
      isNull(await adapter.useVerificationToken({ identifier, token }), 'the second use')
    },
  },
  {
    name: 'Of many clicks at once, one wins',
    about: ['useVerificationToken', '8.1', '6.3', '1.6'],
    async check(adapter) {
      const { identifier, token, expires } = tokenFor()
      await adapter.createVerificationToken({ identifier, token, expires })
      const { values } = await atOnce(12, () => adapter.useVerificationToken({ identifier, token }))
      equal(values.filter(Boolean).length, 1, 'how many came in')
    },
  },
  {
    name: 'Who comes second among many clicks is told null, and nothing is thrown',
    about: ['useVerificationToken', '1.6'],
    async check(adapter) {
      const given = tokenFor()
      await adapter.createVerificationToken({ ...given })
      const { errors } = await atOnce(6, () => adapter.useVerificationToken(given))
      equal(errors.map(String), [], 'errors')
    },
  },
  {
    name: 'A wrong token is nobody, and voids nothing',
    about: ['useVerificationToken', '8.2', '1.6'],
    async check(adapter) {
      const given = tokenFor()
      const { identifier, token } = given
      await adapter.createVerificationToken({ ...given })
      for (const wrong of [tokenFor().token, '', '%', token.slice(1)]) {
        isNull(await adapter.useVerificationToken({ identifier, token: wrong }), 'a wrong token')
      }
      equal(await adapter.useVerificationToken({ identifier, token }), given, 'the right one')
    },
  },
  {
    name: 'A wrong address is nobody, and voids nothing',
    about: ['useVerificationToken', '8.2'],
    async check(adapter) {
      const given = tokenFor()
      const { identifier, token } = given
      await adapter.createVerificationToken({ ...given })
      for (const wrong of [freshEmail(), '%']) {
        isNull(await adapter.useVerificationToken({ identifier: wrong, token }), 'a wrong address')
      }
      equal(await adapter.useVerificationToken({ identifier, token }), given, 'the right one')
    },
  },
  {
    name: 'Where a link does not say whose it is, the token alone decides',
    about: ['useVerificationToken', '8.3', '1.6'],
    async check(adapter) {
      const given = tokenFor()
      await adapter.createVerificationToken({ ...given })
      equal(await adapter.useVerificationToken({ token: given.token }), given, 'the first use')
      isNull(await adapter.useVerificationToken({ token: given.token }), 'the second use')
    },
  },
  {
    name: 'Of many clicks at once on a link that does not say whose it is, one wins',
    about: ['useVerificationToken', '8.1', '8.3'],
    async check(adapter) {
      const given = tokenFor()
      await adapter.createVerificationToken({ ...given })
      const { values } = await atOnce(8, () => adapter.useVerificationToken({ token: given.token }))
      equal(values.filter(Boolean).length, 1, 'how many came in')
    },
  },
  {
    name: 'One address may have many open links, and a click takes its own',
    about: ['createVerificationToken', '8.2', '1.2'],
    async check(adapter) {
      const identifier = freshEmail()
      const [first, second] = [tokenFor(identifier), tokenFor(identifier)]
      await adapter.createVerificationToken({ ...first })
      await adapter.createVerificationToken({ ...second })
      equal(await adapter.useVerificationToken(second), second, 'the second link')
      equal(await adapter.useVerificationToken(first), first, 'the first link')
    },
  },
  {
    name: 'Two addresses may share a token, and each has its own',
    about: ['createVerificationToken', '8.2', '1.5'],
    async check(adapter) {
      const first = tokenFor()
      const second = { ...tokenFor(), token: first.token }
      await adapter.createVerificationToken({ ...first })
      await adapter.createVerificationToken({ ...second })
      equal(await adapter.useVerificationToken(first), first, 'the first')
      equal(await adapter.useVerificationToken(second), second, 'the second')
    },
  },
  {
    name: 'The same link is not made twice',
    about: ['createVerificationToken', '1.5'],
    async check(adapter) {
      const given = tokenFor()
      await adapter.createVerificationToken({ ...given })
      await refuses(() => adapter.createVerificationToken({ ...given }), 'a second time')
    },
  },
  {
    name: 'A link past its end comes back too: Auth.js says so itself',
    about: ['useVerificationToken', '1.2'],
    async check(adapter) {
      const given = tokenFor(freshEmail(), past())
      await adapter.createVerificationToken({ ...given })
      equal(await adapter.useVerificationToken(given), given, 'the link')
      isNothing(await adapter.useVerificationToken(given), 'the second use')
    },
  },
]
