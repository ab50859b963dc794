import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { onServer } from '../../test/setup/names.ts'
import { postgresPrograms } from '../../test/setup/postgres-server.ts'
import { emailOf, userIdOf } from './names.ts'

/**
 * How many users go in per second when this process writes them as lines for COPY: what the seeder, which lets the
 * database make its rows itself, is measured against. The users are taken out again.
 */
export async function copyUsers(url: string, count: number, hash: string): Promise<number> {
  const programs = postgresPrograms()
  if (programs === null) throw new Error('COPY is measured by psql, which is not here.')
  const columns = `instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, raw_app_meta_data,
    raw_user_meta_data, created_at, updated_at`
  const began = performance.now()
  const child = spawn(`${programs}/psql`, [url, '-qc', `copy auth.users (${columns}) from stdin`], {
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  const ended = once(child, 'exit')
  const at = '2026-01-01T00:00:00Z'
  for (let from = 0; from < count; from += 1000) {
    let lines = ''
    for (let user = from; user < Math.min(from + 1000, count); user += 1) {
      const own = `{"full_name":"Somebody ${user}","email_verified":true}`
      const app = '{"provider":"email","providers":["email"]}'
      const values = ['00000000-0000-0000-0000-000000000000', userIdOf(user), 'authenticated']
      values.push('authenticated', emailOf(user), hash, at, app, own, at, at)
      lines += `${values.join('\t')}\n`
    }
    if (!child.stdin.write(lines)) await once(child.stdin, 'drain')
  }
  child.stdin.end()
  const [code] = await ended
  if (code !== 0) throw new Error(`psql ended with ${code}.`)
  const perSecond = count / ((performance.now() - began) / 1000)
  await onServer(url, 'truncate auth.users cascade')
  return perSecond
}
