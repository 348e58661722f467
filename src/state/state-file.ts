import { randomBytes } from "node:crypto"
import { closeSync, fsyncSync, linkSync, lstatSync, openSync, renameSync, rmSync, type Stats, statSync } from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { FettleError } from "../errors.ts"

/**
 * Whether there is a state file. What stands in its place and is none is never opened: a pipe would hang, and an empty file
 * is what a failing disk leaves of a full one, so it must not be taken as new.
 * @throws FettleError `STATE_CORRUPT`
 */
export function isThere(file: string): boolean {
  const stats = statOf(file)
  if (stats === undefined) {
    if ((statOf(`${file}-wal`)?.size ?? 0) === 0) return false
    throw corrupt(`${file} is gone, and its log ${file}-wal is there`)
  }
  if (!stats.isFile()) throw corrupt(`${file} is not a regular file`)
  if (stats.size === 0) throw corrupt(`${file} is empty`)
  return true
}

function statOf(file: string): Stats | undefined {
  const link = lstatSync(file, { throwIfNoEntry: false })
  if (link?.isSymbolicLink() !== true) return link
  const stats = statSync(file, { throwIfNoEntry: false })
  if (stats === undefined) throw corrupt(`${file} is a link to nothing`)
  return stats
}

function corrupt(fact: string): FettleError {
  return new FettleError("STATE_CORRUPT", fact)
}

/**
 * Makes a state file whole or not at all: under another name, synced, then renamed. A start that is cut off leaves a file
 * that the next one makes anew, never one that looks damaged or new.
 */
export function makeStateFile(file: string, tables: string): void {
  const unfinished = `${file}.new`
  for (const end of ["", "-journal"]) rmSync(unfinished + end, { force: true })
  writeTables(unfinished, tables)
  renameSync(unfinished, file)
  syncFolder(dirname(file))
}

/** The same without a lock around it: who comes second leaves what is there by now. */
export function makeFileWhereNone(file: string, tables: string): void {
  const unfinished = `${file}.${process.pid}.${randomBytes(4).toString("hex")}.new`
  try {
    writeTables(unfinished, tables)
    linkSync(unfinished, file)
    syncFolder(dirname(file))
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw thrown
  } finally {
    for (const end of ["", "-journal"]) rmSync(unfinished + end, { force: true })
  }
}

function writeTables(file: string, tables: string): void {
  const database = new DatabaseSync(file)
  try {
    database.exec(`pragma journal_mode = delete; pragma synchronous = full; begin immediate; ${tables}; commit`)
  } finally {
    database.close()
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, "r")
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
