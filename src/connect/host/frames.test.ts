import { describe, expect, test } from "vitest"
import { type Frame, FrameReader } from "./frames.ts"

const NONCE = "0123456789abcdef"
const READY = `RDY1 ${NONCE} 0 1 /x - - host ,tar\n`

function readAll(bytes: string, pieces: number): Frame[] {
  const reader = new FrameReader(NONCE)
  const all = Buffer.from(bytes)
  const frames: Frame[] = []
  for (let at = 0; at < all.length; at += pieces) frames.push(...reader.push(all.subarray(at, at + pieces)))
  return frames
}

describe.each([1, 2, 7, 1_000])("in pieces of %i bytes", (pieces) => {
  test("records and ends are cut where their lengths say", () => {
    const body = "R fake\nE fake\n"
    const frames = readAll(
      `motd\n${READY}R ${NONCE} 1 4 f 0 ${body.length} 2\n${body}éR ${NONCE} 1 5 c 10 0 0\nE ${NONCE} 1 3\n`,
      pieces,
    )
    expect(frames[0]).toEqual({ line: READY.trim() })
    expect(frames.slice(1)).toEqual([
      { seq: 1, record: { item: 4, kind: "f", exitCode: 0, out: Buffer.from(body), err: Buffer.from("é") } },
      { seq: 1, record: { item: 5, kind: "c", exitCode: 10, out: Buffer.alloc(0), err: Buffer.alloc(0) } },
      { end: { seq: 1, exitCode: 3 } },
    ])
  })

  test.each([
    "hello\n",
    `R other 1 4 f 0 0 0\n`,
    `R ${NONCE} 1 4 ff 0 0 0\n`,
    `R ${NONCE} 1 4 f 0 0\n`,
    `R ${NONCE} 1 4 f 0 0x10 0\n`,
    `R ${NONCE} 1 4 f 0 67108865 0\n`,
    `R ${NONCE} 1 4 f 0 9007199254740993 0\n`,
    `E ${NONCE} 1\n`,
    `E ${NONCE} 1 0 0\n`,
    `X ${NONCE} 1 0\n`,
    "x".repeat(2_000),
  ])("%j after the beginning is HOST_PROTOCOL", (line) => {
    expect(() => readAll(READY + line, pieces)).toThrow(expect.objectContaining({ code: "HOST_PROTOCOL" }))
  })
})

test("noise before the beginning is bounded too", () => {
  expect(() => readAll("motd\n".repeat(20_000), 4_096)).toThrow("bytes came before the session began")
})

test("a body of 32 MB in pieces of 64 KB is not copied again and again", () => {
  const reader = new FrameReader(NONCE)
  const [...opened] = reader.push(Buffer.from(`${READY}R ${NONCE} 1 0 t 0 ${32 * 1_048_576} 0\n`))
  expect(opened).toHaveLength(1)
  const begun = performance.now()
  let size = 0
  for (let piece = 0; piece < 512; piece++)
    for (const frame of reader.push(Buffer.alloc(65_536, 120))) size += "record" in frame ? frame.record.out.length : 0
  expect(size).toBe(32 * 1_048_576)
  expect(performance.now() - begun).toBeLessThan(3_000)
})
