import { describe, expect, test } from "vitest"
import { Demultiplexer } from "./demultiplexer.ts"

function frame(stream: number, text: string | Buffer): Buffer {
  const body = Buffer.from(text)
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(body.length, 4)
  return Buffer.concat([header, body])
}

/** Records, put together again from their pieces. */
function records(chunks: readonly Buffer[]): readonly string[] {
  const all: string[] = []
  let begun = ""
  const parser = new Demultiplexer((stream, bytes, isLast) => {
    begun += bytes.toString("latin1")
    if (!isLast) return
    all.push(`${stream}:${begun}`)
    begun = ""
  })
  for (const chunk of chunks) parser.push(chunk)
  parser.end()
  return all
}

const whole = Buffer.concat([frame(1, "one\n"), frame(2, ""), frame(2, "x"), frame(1, "\u0001\0\0\0"), frame(0, "in")])
const wanted = ["stdout:one\n", "stderr:", "stderr:x", "stdout:\u0001\0\0\0", "stdout:in"]

test("frames that are cut at any one place, and into pieces of any one size", () => {
  for (let at = 0; at <= whole.length; at += 1)
    expect(records([whole.subarray(0, at), whole.subarray(at)])).toEqual(wanted)
  for (let size = 1; size < whole.length; size += 1) {
    const pieces = Array.from({ length: Math.ceil(whole.length / size) }, (_, at) =>
      whole.subarray(at * size, (at + 1) * size),
    )
    expect(records(pieces)).toEqual(wanted)
  }
})

test("a million frames of one byte in one chunk", () => {
  let count = 0
  const parser = new Demultiplexer(() => {
    count += 1
  })
  parser.push(Buffer.alloc(9_000_000, frame(1, "x")))
  parser.end()
  expect(count).toBe(1_000_000)
})

test("a frame of 16 MB is passed on as it comes: nothing is kept", () => {
  const big = frame(2, Buffer.alloc(16_000_000, 1))
  const sizes: number[] = []
  const parser = new Demultiplexer((_, bytes, isLast) => {
    expect(bytes.buffer).toBe(big.buffer)
    sizes.push(isLast ? -bytes.length : bytes.length)
  })
  for (let at = 0; at < big.length; at += 65_536) parser.push(big.subarray(at, at + 65_536))
  expect(sizes.length).toBe(Math.ceil(big.length / 65_536))
  expect(sizes.reduce((sum, size) => sum + Math.abs(size), 0)).toBe(16_000_000)
  expect(sizes.filter((size) => size < 0)).toHaveLength(1)
})

describe("what is no stream of frames", () => {
  test.each<[string, readonly Buffer[], string]>([
    ["a terminal's text", [Buffer.from("hello, this is plain text\n")], "DOCKER_PROTOCOL"],
    ["another stream", [Buffer.from([4, 0, 0, 0, 0, 0, 0, 1, 0])], "DOCKER_PROTOCOL"],
    ["a header that ends too soon", [Buffer.from([1, 0, 0])], "DOCKER_FAILED"],
    ["a length that is a lie", [Buffer.from([1, 0, 0, 0, 255, 255, 255, 255, 1])], "DOCKER_FAILED"],
    ["an error of the Engine", [frame(3, "disk is full")], "DOCKER_FAILED"],
  ])("%s", (_, chunks, code) => {
    expect(() => records(chunks)).toThrow(expect.objectContaining({ code }))
  })
})
