import { type ChildProcessByStdio, spawn } from "node:child_process"
import type { Readable } from "node:stream"

/** A process that goes on when this one has ended. What it says can be read for as long as somebody does. */
export type Detached = ChildProcessByStdio<null, Readable, Readable>

/** Starts a command in a session of its own: neither Ctrl-C nor a terminal that is closed reaches it. */
export function startDetached(
  file: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
): Detached {
  return spawn(file, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] })
}

/** Leaves it to itself: nothing of it keeps this process from ending. */
export function letGo(child: Detached): void {
  child.stdout.destroy()
  child.stderr.destroy()
  child.unref()
}
