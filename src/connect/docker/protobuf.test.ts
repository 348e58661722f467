import { expect, test } from "vitest"
import { protoFields, protoMessage } from "./protobuf.ts"

test("a message is what the format's own documentation gives", () => {
  expect(protoMessage([[1, 150]]).toString("hex")).toBe("089601")
  expect(protoMessage([[2, "testing"]]).toString("hex")).toBe("120774657374696e67")
  expect(protoMessage([[3, protoMessage([[1, 150]])]]).toString("hex")).toBe("1a03089601")
  expect(protoMessage([[1, -2n]]).toString("hex")).toBe("08feffffffffffffffff01")
  expect(
    protoMessage([
      [1, 0],
      [2, ""],
      [3, undefined],
      [4, 0n],
    ]).length,
  ).toBe(0)
})

test("what is written is read: numbers to 64 bits, texts, bytes and repeated fields", () => {
  const numbers = [1, 127, 128, 2 ** 31, 2 ** 31 + 0o755, 2 ** 53 - 1]
  const message = protoMessage([
    ...numbers.map((each) => [5, each] as const),
    [16, "é"],
    [6, 2n ** 63n],
    [7, Buffer.from([0])],
  ])
  const fields = [...protoFields(message)]
  expect(fields.slice(0, numbers.length).map(({ value }) => value)).toEqual(numbers.map(BigInt))
  expect(fields.slice(numbers.length)).toEqual([
    { field: 16, value: Buffer.from("é") },
    { field: 6, value: 2n ** 63n },
    { field: 7, value: Buffer.from([0]) },
  ])
  expect([...protoFields(Buffer.from("0d01000000090200000000000000", "hex"))].map(({ value }) => value)).toEqual([
    1n,
    2n,
  ])
})

test.each(["08", "0880", "12", "1205ab", "0dffff", "0b", "08ffffffffffffffffffffff01", "12ffffffffffffffffff01"])(
  "%s is refused",
  (hex) => expect(() => [...protoFields(Buffer.from(hex, "hex"))]).toThrowError(/not what its protocol says/),
)
