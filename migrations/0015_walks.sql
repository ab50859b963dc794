-- How far housekeeping came is a number: a page of a table that nothing but its pages leads through, or an event.
-- `after`, by which version 0.1 walks, has no meaning any more.

alter table idp.walks
  alter column after drop not null,
  add column place bigint not null default 0;
