import { FettleError } from "../errors.ts"
import { endChild, endOf } from "./host/carrier.ts"
import { startPiped } from "./process.ts"

/** Bytes of standard error that stand in an error. */
const SAID_MAX = 4_096

/**
 * Runs a program of the operator's in the operator's own environment and gives what it prints: an inventory script finds the
 * credentials there that it needs. No shell, nothing on standard input.
 * @throws FettleError `COMMAND_FAILED` where it fails or prints more than `bytesMax`, `TIMEOUT`
 */
export async function printedBy(
  argv: readonly [string, ...string[]],
  { timeoutMs, bytesMax }: { readonly timeoutMs: number; readonly bytesMax: number },
): Promise<string> {
  const child = startPiped(argv)
  const chunks: Buffer[] = []
  let size = 0
  let said = ""
  let late = false
  child.stdin.on("error", () => {}).end()
  child.stdout.on("data", (chunk: Buffer) => {
    size += chunk.length
    if (size <= bytesMax) chunks.push(chunk)
    else endChild(child, "SIGKILL")
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-SAID_MAX)
  })
  const timer = setTimeout(() => {
    late = true
    endChild(child, "SIGKILL")
  }, timeoutMs)
  const how = await endOf(child)
  clearTimeout(timer)
  const [name] = argv
  if (late) throw new FettleError("TIMEOUT", `${name} was not done within ${timeoutMs / 1_000} s`)
  if (size > bytesMax) throw new FettleError("COMMAND_FAILED", `${name} printed more than ${bytesMax} bytes`)
  if (how !== "exit code 0")
    throw new FettleError("COMMAND_FAILED", `${name} ended with ${how}`, {
      cause: said.trim() === "" ? undefined : said.trim(),
    })
  return Buffer.concat(chunks).toString("utf8")
}
