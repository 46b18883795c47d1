-- Counting what waits and what was set aside, and finding the oldest of each, without reading the rows themselves.
drop index outbox_pending;
create index outbox_parked on outbox (error is not null);
