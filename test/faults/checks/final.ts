import pg from 'pg'
import type { Final } from './facts.ts'

/** What is in the database now, in the few words that the checks know. */
export async function readFinal(url: string): Promise<Final> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const all = async <Row extends object>(text: string) => (await client.query<Row>(text)).rows
  try {
    return {
      users: await all(`
        select u.id, u.email, u.email_confirmed_at is not null as "isConfirmed", coalesce(u.banned_until > now(), false) as "isBanned",
          p.user_id is not null as "hasProfile",
          (select count(*)::int from auth.identities i where i.user_id = u.id) as identities
        from auth.users u left join idp.profiles p on p.user_id = u.id`),
      identities: (
        await all<{ name: string }>(
          `select provider || ' ' || provider_id as name from auth.identities`,
        )
      ).map(({ name }) => name),
      factors: await all(`select id, status = 'verified' as "isVerified" from auth.mfa_factors`),
      sessions: await all(`
        select s.id, s.user_id as user, s.refresh_token_counter::int as counter, s.refresh_token_counter is not null
          or exists (select from auth.refresh_tokens r where r.session_id = s.id)
          or exists (select from idp.session_tokens t where t.session_id = s.id) as "isCarried"
        from auth.sessions s`),
      live: await all(`
        select session_id::text as family, count(*)::int as tokens from auth.refresh_tokens
        where not revoked group by session_id`),
      generations: await all(`
        select user_id as user, sum(generation)::int as total
        from idp.grants where generation is not null group by user_id`),
      events: await all(`
        select type, session_id as session, count(*)::int as count from idp.events
        where type in ('user.signed-in', 'session.refreshed') and session_id is not null group by type, session_id`),
      orphans: (await all<{ what: string }>(orphans)).map(({ what }) => what),
    }
  } finally {
    await client.end()
  }
}

// Foreign keys forbid some of these; whether they hold after a crash is what is asked here.
const orphans = `
  select 'a profile without its user: ' || p.user_id as what from idp.profiles p
    where not exists (select from auth.users u where u.id = p.user_id)
  union all select 'an identity without its user: ' || i.id from auth.identities i
    where not exists (select from auth.users u where u.id = i.user_id)
  union all select 'a session without its user: ' || s.id from auth.sessions s
    where not exists (select from auth.users u where u.id = s.user_id)
  union all select 'a grant without its session: ' || g.id from idp.grants g
    where g.session_id is not null and not exists (select from auth.sessions s where s.id = g.session_id)
  union all select 'a token without its grant: ' || encode(t.hash, 'hex') from idp.tokens t
    where t.grant_id is not null and not exists (select from idp.grants g where g.id = t.grant_id)
  union all select 'a verified factor whose session was not raised: ' || f.id from auth.mfa_factors f
    where f.status = 'verified' and exists (select from auth.sessions s where s.user_id = f.user_id)
      and not exists (select from auth.mfa_challenges c where c.factor_id = f.id)
  union all select 'a session that rests upon a factor which is not there: ' || s.id from auth.sessions s
    where (s.factor_id is not null or s.aal > 'aal1')
      and not exists (select from auth.mfa_factors f where f.id = s.factor_id and f.status = 'verified')`
