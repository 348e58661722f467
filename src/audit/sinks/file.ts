import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync, writeSync } from "node:fs"
import { resolve } from "node:path"
import { lineOf, type Sink } from "./sink.ts"

/** Appends to a file and syncs it. @param folder of the program */
export function fileSink(file: string, required: boolean, folder: string): Sink {
  const path = resolve(folder, file)
  return {
    id: `file ${file}`,
    required,
    batch: 1_000,
    send: async (records, place) => append(path, records.map((each) => `${lineOf(each, place)}\n`).join("")),
  }
}

/** The flags: a pipe must not make us wait for its reader, and what is made is its owner's alone. */
const APPENDING = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK

function append(path: string, text: string): void {
  const descriptor = openSync(path, APPENDING, 0o600)
  try {
    const stat = fstatSync(descriptor)
    if (!stat.isFile()) throw new Error(`${path} is not a file`)
    const bytes = Buffer.from((isTorn(descriptor, stat.size) ? "\n" : "") + text)
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** A line that was cut off, by a kill or a full disk, ends here: it comes again whole. */
function isTorn(descriptor: number, size: number): boolean {
  const last = Buffer.alloc(1)
  return size > 0 && readSync(descriptor, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a
}
