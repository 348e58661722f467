import { FettleError } from "../../errors.ts"

/** The wire format of protocol buffers, as far as BuildKit's session and its progress need it. */
export type ProtoValue = number | bigint | string | Uint8Array | undefined

/**
 * Encodes a message; zeros, empty texts and what is undefined are left out, as proto3 does.
 * @example protoMessage([[1, "registry.test"], [2, 7]])
 */
export function protoMessage(fields: readonly (readonly [field: number, value: ProtoValue])[]): Buffer {
  const parts: Uint8Array[] = []
  for (const [field, value] of fields) {
    if (value === undefined || value === 0 || value === 0n || value === "") continue
    if (typeof value === "number" || typeof value === "bigint") parts.push(varint(field << 3), varint(value))
    else {
      const bytes = typeof value === "string" ? Buffer.from(value) : value
      parts.push(varint((field << 3) | 2), varint(bytes.length), bytes)
    }
  }
  return Buffer.concat(parts)
}

function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = []
  if (typeof value === "number") {
    let left = value
    for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80)
    bytes.push(left)
    return Uint8Array.from(bytes)
  }
  let left = BigInt.asUintN(64, value)
  for (; left >= 0x80n; left >>= 7n) bytes.push(Number(left & 0x7fn) | 0x80)
  bytes.push(Number(left))
  return Uint8Array.from(bytes)
}

/** A field of a message: a number where it is a varint or a fixed one, bytes where it is a text, bytes or a message. */
export interface ProtoField {
  readonly field: number
  readonly value: bigint | Buffer
}

/**
 * The fields of a message, in their order; repeated ones come again.
 * @throws FettleError `DOCKER_PROTOCOL` where it is cut off or is none
 */
export function* protoFields(message: Uint8Array): Generator<ProtoField> {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength)
  const reader = new Reader(bytes)
  while (reader.at < bytes.length) {
    const key = reader.varint()
    const field = Number(key >> 3n)
    const type = Number(key & 7n)
    if (type === 0) yield { field, value: reader.varint() }
    else if (type === 1) yield { field, value: reader.take(8).readBigUInt64LE() }
    else if (type === 2) yield { field, value: reader.take(Number(reader.varint())) }
    else if (type === 5) yield { field, value: BigInt(reader.take(4).readUInt32LE()) }
    else throw malformed()
  }
}

class Reader {
  readonly #bytes: Buffer
  at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.take(1)[0] as number
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw malformed()
  }

  take(length: number): Buffer {
    const end = this.at + length
    if (!(length >= 0 && end <= this.#bytes.length)) throw malformed()
    const taken = this.#bytes.subarray(this.at, end)
    this.at = end
    return taken
  }
}

function malformed(): FettleError {
  return new FettleError("DOCKER_PROTOCOL", "a message of BuildKit is not what its protocol says")
}
