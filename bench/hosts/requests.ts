import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { textOf } from "../measure.ts"
import type { Turn } from "./round.ts"

/** How often a session was spoken to after `ssh` had connected: its opening, and each request. */
export interface Spoken {
  readonly first: number
  readonly again: number
}

/** Counts what is written to the standard input of every `ssh`, by the frames of src/connect/host/shell.ts. */
export async function spoken(turn: Turn): Promise<Spoken> {
  const folder = mkdtempSync(join(tmpdir(), "fb-ssh-"))
  try {
    const ssh = textOf(["sh", "-c", "command -v ssh"]).trim()
    mkdirSync(join(folder, "heard"))
    writeFileSync(join(folder, "ssh"), `#!/bin/sh\ntee "${folder}/heard/$$" | ${ssh} "$@"\n`)
    chmodSync(join(folder, "ssh"), 0o755)
    const heard = turn.with({ PATH: `${folder}:${process.env.PATH}` })
    await heard.first()
    const first = countAll(join(folder, "heard"))
    await heard.again()
    return { first, again: countAll(join(folder, "heard")) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function countAll(folder: string): number {
  let count = 0
  for (const name of readdirSync(folder)) {
    count += countFrames(readFileSync(join(folder, name)))
    rmSync(join(folder, name))
  }
  if (count === 0) throw new Error("no session was heard")
  return count
}

/** `FETTLE1 nonce scope length` and its bytes, then `nonce number script payload writes` and theirs; `bye` is not answered. */
function countFrames(bytes: Buffer): number {
  let count = 0
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf("\n", at)
    if (end < 0) throw new Error("a frame was cut off")
    const words = bytes.toString("latin1", at, end).split(" ")
    at = end + 1
    if (words[1] === "bye") continue
    at += words[0] === "FETTLE1" ? Number(words[3]) : Number(words[2]) + Number(words[3])
    count += 1
  }
  return count
}
