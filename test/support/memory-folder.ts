import { existsSync, mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { keepIfFailed } from "./evidence.ts"

/** Memory that looks like a disk, on Linux. */
const MEMORY = "/dev/shm"

/**
 * As `testFolder`, in memory where that can be: for tests that kill processes, which lose nothing that they have written,
 * synced or not. What a test proves about syncs it must prove elsewhere.
 */
export function memoryFolder(): string {
  const folder = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), "fettle-test-"))
  keepIfFailed(folder)
  return folder
}
