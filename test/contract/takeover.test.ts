import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { migrate } from '../../src/db/migrate.ts'
import { withBareDatabases } from '../database.ts'
import { postgresPrograms } from '../setup/postgres-server.ts'
import { authColumns } from './auth-catalog.ts'
import { authConstraints, authIndexes } from './auth-keys.ts'
import { readCatalog } from './catalog.ts'
import { gotrueSchema } from './gotrue-schema.ts'

const bareDatabase = withBareDatabases()

/** What pg_dump says of the schema and its rows, but for the dump's own random key. */
async function dump(url: string): Promise<string> {
  const { stdout } = await promisify(execFile)(
    `${postgresPrograms()}/pg_dump`,
    ['--schema=auth', '--no-comments', url],
    { maxBuffer: 16_000_000 },
  )
  return stdout.replace(/^\\(un)?restrict .*$/gm, '')
}

describe('on a database that GoTrue has made', () => {
  test('nothing in auth changes, and idp is added', async () => {
    const { database, url } = await bareDatabase()
    await database.execute(gotrueSchema())
    await database.execute(`
      insert into auth.schema_migrations values ('00'), ('20260625000000');
      insert into auth.users (id, email, instance_id) values (gen_random_uuid(), 'ann@example.com', gen_random_uuid());
      create function public.on_user() returns trigger language plpgsql as 'begin return new; end';
      create trigger on_user after insert on auth.users for each row execute function public.on_user();
      create index idx_users_email on auth.users (email);
      create policy own on auth.users for select using (id = auth.uid());`)
    const before = await readCatalog(database)
    const dumped = url && postgresPrograms() ? await dump(url) : null

    const migrated = await migrate(database)

    expect(migrated.applied[0]).toBe('0001_auth.sql')
    expect(migrated.warnings).toEqual([])
    expect(await readCatalog(database)).toEqual(before)
    if (url && dumped) expect(await dump(url)).toBe(dumped)
    const { rows } = await sql`select auth.uid() as uid, count(*) as users from auth.users`.execute(
      database.db,
    )
    expect(rows).toEqual([{ uid: null, users: 1 }])
    expect(await database.db.selectFrom('idp.profiles').selectAll().execute()).toEqual([])
  })

  test('an older one gets what has been added since', async () => {
    const { database } = await bareDatabase()
    await database.execute(gotrueSchema())
    await database.execute(`
      set search_path = auth;
      drop table webauthn_challenges, webauthn_credentials, custom_oauth_providers, oauth_client_states,
        oauth_consents, oauth_authorizations;
      drop type oauth_authorization_status, oauth_response_type;
      alter table mfa_factors drop last_webauthn_challenge_data;
      alter table sso_providers drop disabled;
      alter table sessions drop scopes, drop refresh_token_counter, drop refresh_token_hmac_key;
      alter table flow_state drop email_optional, drop linking_target_id, drop oauth_client_state_id,
        drop referrer, drop invite_token, alter auth_code set not null, alter code_challenge set not null,
        alter code_challenge_method set not null;
      alter table oauth_clients drop token_endpoint_auth_method;
      insert into schema_migrations values ('00'), ('20171026211738'), ('20240806073726');
      insert into oauth_clients (id, registration_type, redirect_uris, grant_types, client_type)
        values (gen_random_uuid(), 'manual', '', '', 'public'), (gen_random_uuid(), 'manual', '', '', 'confidential');
      reset search_path;`)

    const { warnings } = await migrate(database)

    expect(warnings).toEqual([
      expect.stringMatching(
        /^GoTrue's migrations of this database ended at 20240806073726\. What came /,
      ),
    ])
    const catalog = await readCatalog(database)
    expect(catalog.columns).toEqual(authColumns)
    expect(catalog.indexes).toEqual(authIndexes)
    expect(catalog.constraints).toEqual(authConstraints)
    const methods = await database.db
      .selectFrom('auth.oauth_clients')
      .select(['client_type', 'token_endpoint_auth_method'])
      .orderBy('client_type')
      .execute()
    expect(await migrate(database)).toEqual({ applied: [], warnings: [] })
    expect(methods).toEqual([
      { client_type: 'public', token_endpoint_auth_method: 'none' },
      { client_type: 'confidential', token_endpoint_auth_method: 'client_secret_basic' },
    ])
  })

  test('of a newer one it is said that the rest is left alone', async () => {
    const { database } = await bareDatabase()
    await database.execute(gotrueSchema())
    await database.execute("insert into auth.schema_migrations values ('20990101000000')")
    expect((await migrate(database)).warnings).toEqual([expect.stringContaining('left alone')])
  })

  test('one that is too old is left alone, with advice', async () => {
    const { database } = await bareDatabase()
    await database.execute(gotrueSchema())
    await database.execute('alter table auth.mfa_factors drop last_challenged_at')
    const before = await readCatalog(database)
    await expect(migrate(database)).rejects.toMatchObject({
      cause: expect.objectContaining({ message: expect.stringContaining('older GoTrue') }),
    })
    expect(await readCatalog(database)).toEqual(before)
  })
})
