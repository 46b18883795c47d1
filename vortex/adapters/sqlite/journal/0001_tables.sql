-- data_dir/journal.db: what we intend (journal) and rows on their way to the cold store (outbox).
create table journal (
    seq   integer primary key autoincrement,
    ts_ms integer not null,
    kind  text not null,
    key   text not null,
    body  blob not null
);
create index journal_newest on journal (kind, key, seq);

create table outbox (
    seq        integer primary key autoincrement,
    tbl        text not null,
    row_id     text not null,
    body       blob not null,
    created_ms integer not null,
    error      text
);
create index outbox_pending on outbox (seq) where error is null;
