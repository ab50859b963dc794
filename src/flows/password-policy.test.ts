import { expect, test } from 'vitest'
import { checkNewPassword, minimumLength } from './password-policy.ts'

const config = { gotrue: { passwordMinLength: 6 } }
const check = (password: string) => () => checkNewPassword(config, password, 'ann.lee@example.com')

test.each([
  'correct horse battery',
  'さくらさくら弥生の空は',
  'passwords are a nuisance',
  'xK9#mQ2v',
  'pppqqqzz',
])('%s may be a password', (password) => {
  expect(check(password)).not.toThrow()
})

test.each([
  '12345678',
  '87654321',
  'aaaaaaaa',
  'abababab',
  'qwertyuiop',
  'Password123!',
  'ｐａｓｓｗｏｒｄ１',
  'ann.lee@example.com',
  'ann.lee1',
  'welcome1',
])('%s is guessed first', (password) => {
  expect(check(password)).toThrow(
    expect.objectContaining({ code: 'weak_password', details: { reason: 'guessable' } }),
  )
})

test('length counts characters, not bytes', () => {
  expect(check('桜の花が咲')).toThrow(
    expect.objectContaining({ code: 'weak_password', details: { reason: 'length', min: 8 } }),
  )
  expect(check('桜の花が咲きました')).not.toThrow()
  expect(check('長い'.repeat(200))).toThrow(expect.objectContaining({ code: 'password_too_long' }))
})

test('GoTrue may ask for more than the house, never for less', () => {
  expect(minimumLength({ gotrue: { passwordMinLength: 6 } })).toBe(8)
  expect(minimumLength({ gotrue: { passwordMinLength: 12 } })).toBe(12)
})
