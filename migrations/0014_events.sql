-- Events are numbered in the order of their writing, and nothing looks for them by time or type alone: each sign-in paid for it.

drop index idp.events_created_at_idx;
drop index idp.events_type_idx;
