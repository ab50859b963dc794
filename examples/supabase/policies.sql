-- A notebook for each user, and a notice board for each e-mail domain.

create table public.notes (
  id bigint generated always as identity primary key,
  owner_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
  body text not null
);

create table public.notices (
  id bigint generated always as identity primary key,
  domain text not null,
  body text not null
);

alter table public.notes enable row level security;
alter table public.notices enable row level security;

-- Grants open the door of the table, policies choose the rows behind it.
grant usage on schema public to anon, authenticated;
grant select, insert, update, delete on public.notes to authenticated;
grant select on public.notices to authenticated;
grant select on public.notes, public.notices to anon;

create policy "everybody reads their own notes" on public.notes
  for select to authenticated using (owner_id = auth.uid());

create policy "everybody writes their own notes" on public.notes
  for insert to authenticated with check (owner_id = auth.uid());

create policy "everybody changes their own notes" on public.notes
  for update to authenticated using (owner_id = auth.uid()) with check (owner_id = auth.uid());

create policy "everybody deletes their own notes" on public.notes
  for delete to authenticated using (owner_id = auth.uid());

-- The whole part behind the last @, so that example.com.evil.net is another domain.
create policy "a domain reads its own notices" on public.notices
  for select to authenticated using (
    domain = lower(substring(auth.jwt() ->> 'email' from '@([^@]+)$'))
  );
