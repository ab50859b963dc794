import { expect, test } from 'vitest'
import { isConnectionError, isUniqueViolation, sqlState } from './sql-error.ts'

const withCode = (code: string) => Object.assign(new Error('no text that says more'), { code })

test.each(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', '57P01', '57P03', '53300', '08006'])(
  '%s means that the database cannot be reached',
  (code) => {
    expect(isConnectionError(withCode(code))).toBe(true)
  },
)

test.each(['23505', '40001', '57014', 'ERR_INVALID_ARG_TYPE'])('%s does not', (code) => {
  expect(isConnectionError(withCode(code))).toBe(false)
})

test('what is no error of the database has no state', () => {
  for (const other of [null, 'text', new Error('x'), withCode('EPIPE'), { code: 23505 }]) {
    expect(sqlState(other)).toBe(null)
    expect(isUniqueViolation(other)).toBe(false)
  }
})
