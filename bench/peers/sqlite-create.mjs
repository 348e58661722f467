// The floor of bench/create.bench.ts: a bare node:sqlite loop that writes and syncs what an apply of N resources does, and
// nothing else: node sqlite-create.mjs FILE TRANSACTIONS, where TRANSACTIONS is a JSON list of [intents, results] each.
import { DatabaseSync } from "node:sqlite"

const [, , file, transactions] = process.argv
const database = new DatabaseSync(file)
database.exec(`pragma journal_mode = wal; pragma synchronous = full;
  create table resource (address text not null, deposed text not null, kind text not null, version integer not null, connection text not null,
    id text, flags integer not null, props text not null, outputs text not null, carry text, needs text not null, primary key (address, deposed)) without rowid;
  create table journal (seq integer primary key, run integer not null, address text not null, deposed text not null, action text not null, kind text not null,
    connection text not null, id text, token text not null, want text not null, needs text not null, progress text, started_at integer not null, orphaned_at integer,
    ended_at integer, outcome text, error text, open integer not null);`)
const begin = database.prepare(
  "insert into journal (run, address, deposed, action, kind, connection, id, token, want, needs, started_at, open) values (1, ?, '', 'create', 'bench.line', '', ?, ?, ?, ?, ?, 1)",
)
const end = database.prepare("update journal set ended_at = ?, outcome = 'done', error = null, open = 0 where seq = ?")
const put = database.prepare("insert or replace into resource values (?, '', 'bench.line', 1, '', ?, 1, ?, ?, null, ?)")

const token = "0".repeat(32)
const world = `${file}-the-world`
const thing = (at) => {
  const name = `n${at}`
  const value = at % 2 === 0 ? "one" : `after n${at - 1}`
  const needs = at % 2 === 0 ? "[]" : JSON.stringify([`bench.line[n${at - 1}]`])
  const props = JSON.stringify({ world, name, value })
  return { address: `bench.line[${name}]`, name, needs, props, outputs: JSON.stringify({ name, value }) }
}

let begun = 0
let ended = 0
for (const [intents, results] of JSON.parse(transactions)) {
  database.exec("begin immediate")
  for (const last = begun + intents; begun < last; begun += 1) {
    const { address, name, needs, props } = thing(begun)
    begin.run(address, name, token, props, needs, Date.now())
  }
  for (const last = ended + results; ended < last; ended += 1) {
    const { address, name, needs, props, outputs } = thing(ended)
    end.run(Date.now(), ended + 1)
    put.run(address, name, props, outputs, needs)
  }
  database.exec("commit")
}
if (begun !== ended) throw new Error(`${begun} begun, ${ended} ended`)
database.close()
