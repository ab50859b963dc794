-- Events are numbered in the order of their writing: nothing looks for them by their time alone, and each sign-in paid for it.

drop index idp.events_created_at_idx;
