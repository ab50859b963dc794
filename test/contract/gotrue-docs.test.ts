import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { gotrue } from '../../src/faces/gotrue/index.ts'
import { askToFollow } from '../../src/faces/pages/index.ts'

const docs = readFileSync(new URL('../../docs/gotrue.md', import.meta.url), 'utf8')

/** `GET /admin/users/*`, however the parameter is named. */
function normal(method: string, path: string): string {
  return `${method} ${path.replace(/:\w+(\{[^}]*\})?|\{\w+\}/g, '*').replace(/(.)\/$/, '$1')}`
}

test('every endpoint is in the table of docs/gotrue.md, and no other', () => {
  const served = gotrue({ askToFollow })
    .routes.filter(({ method, path }) => method !== 'ALL' && path !== '*')
    .map(({ method, path }) => normal(method, path))
  const told = [...docs.matchAll(/`(GET|POST|PUT|PATCH|DELETE) (\/[^`]+)`/g)].map(
    ([, method = '', path = '']) => normal(method, path),
  )
  expect(served.length).toBeGreaterThan(70)
  expect([...new Set(told)].sort()).toEqual([...new Set(served)].sort())
})
