-- data_dir/rejections.db: rejected signals on their way to the cold store, apart from the journal and its fsyncs.
create table outbox (
    seq        integer primary key autoincrement,
    tbl        text not null,
    row_id     text not null,
    body       blob not null,
    created_ms integer not null,
    error      text
);
create index outbox_pending on outbox (seq) where error is null;

-- One row: how many were given up, ever, because too many waited.
create table dropped (rows integer not null);
insert into dropped values (0);
