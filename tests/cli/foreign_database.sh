#!/usr/bin/env bash
# A database that is not ours, damaged, newer or hostile is refused in one line and left byte-identical.
source "$(dirname "$0")/common.sh" "$1"

# db_refused WORDS FILE: run, show and list all refuse it.
db_refused() {
    local before
    before=$(sha256sum <"$2")
    refused "$1" run relu/100 --backends native --quick --db "$2"
    refused "$1" show --db "$2"
    refused "$1" list runs --db "$2"
    [ "$(sha256sum <"$2")" = "$before" ] || fail "$2 was changed"
    [ ! -e "$2-wal" ] && [ ! -e "$2-journal" ] || fail "side files of $2 were left"
}

sql() { python3 -c 'import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.executescript(sys.argv[2]); db.commit()' "$@"; }

echo "dear diary" >text.db
db_refused "not a results database" text.db
sql other.db "CREATE TABLE bookmark(url); INSERT INTO bookmark VALUES('x')"
db_refused "another program" other.db
refused "not a regular file" run relu/100 --backends native --db "$scratch"
refused "not a regular file" show --db "$scratch"
refused "no results there yet" show --db nowhere/x.db
timeout 60 "$program" run relu/100 --backends native --db nowhere/x.db >out 2>err
[ $? -eq 1 ] && [ "$(wc -l <err)" -eq 1 ] || fail "a database in no folder: $(cat err)"

# The smallest real database: a run that is cancelled at once still makes one.
timeout -s INT 0.5 "$program" run relu/100 --backends native --quick --quiet --db good.db >out 2>err
[ -s good.db ] || fail "no database was made: $(cat err)"
works list runs --db good.db
for change in "CREATE TRIGGER t AFTER INSERT ON cell BEGIN DELETE FROM run; END" \
    "CREATE VIEW v AS SELECT 1" "CREATE TABLE extra(x)" "ALTER TABLE run ADD COLUMN x"; do
    cp good.db hostile.db
    sql hostile.db "PRAGMA journal_mode = DELETE; $change"
    db_refused "its tables are not those" hostile.db
done
cp good.db newer.db
sql newer.db "PRAGMA journal_mode = DELETE; PRAGMA user_version = 99"
db_refused "newer version" newer.db
head -c $(($(stat -c %s good.db) / 2)) good.db >cut.db
db_refused "cut off" cut.db
head -c 40 good.db >short.db
db_refused "not a results database" short.db
cp good.db broken.db
printf 'garbage garbage garbage' | dd of=broken.db bs=1 seek=8192 conv=notrunc status=none
db_refused "damaged" broken.db

# An empty file is no one's: it becomes a database.
: >empty.db
timeout -s INT 0.5 "$program" run relu/100 --backends native --quick --quiet --db empty.db >out 2>err
works list runs --db empty.db

# Locked by another program for longer than the time-out.
python3 - good.db <<'END' &
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN EXCLUSIVE")
open("locked", "w").close()
time.sleep(20)
END
locker=$!
for _ in $(seq 100); do [ -e locked ] && break; sleep 0.1; done
timeout 60 "$program" run relu/100 --backends native --quick --quiet --db good.db >out 2>err
status=$?
[ $status -eq 1 ] || fail "a locked database: exit status $status"
holds err "in use by another process"
[ "$(wc -l <err)" -eq 1 ] || fail "a locked database: $(cat err)"
kill $locker
wait $locker 2>/dev/null
works list runs --db good.db
finish
