/**
 * CRC-32 of a concatenation from the CRCs of its parts, so that the CRC of a payload and those of
 * the 64 KiB chunks it falls into cost one pass over the bytes. Arithmetic in GF(2)[x] modulo the
 * CRC polynomial, bits reflected, as in zlib's `crc32_combine`.
 */
const POLYNOMIAL = 0xedb88320
const ONE = 0x80000000

/** CRC of A followed by B, from crc(A), crc(B) and the length of B. */
export function combineCrc(crcOfFirst: number, crcOfSecond: number, secondBytes: number): number {
  return (multiply(shiftOf(secondBytes), crcOfFirst) ^ crcOfSecond) >>> 0
}

function multiply(left: number, right: number): number {
  let product = 0
  let factor = right
  for (let bit = ONE; bit !== 0; bit >>>= 1) {
    if ((left & bit) !== 0) product ^= factor
    factor = (factor & 1) !== 0 ? (factor >>> 1) ^ POLYNOMIAL : factor >>> 1
  }
  return product >>> 0
}

/** x^(8·2^n) for n = 0…31. */
const POWERS = ((): readonly number[] => {
  const powers: number[] = []
  let power = ONE >>> 8
  for (let n = 0; n < 32; n += 1) {
    powers.push(power)
    power = multiply(power, power)
  }
  return powers
})()

const shifts = new Map<number, number>()
/** Few lengths recur: whole chunks and what pages leave of them. */
const SHIFTS_MAX = 64

/** x^(8·sizeBytes): what appending that many bytes does to a CRC before them. */
function shiftOf(sizeBytes: number): number {
  const known = shifts.get(sizeBytes)
  if (known !== undefined) return known
  let shift = ONE
  for (const [n, power] of POWERS.entries()) {
    if (((sizeBytes >>> n) & 1) !== 0) shift = multiply(shift, power)
  }
  if (shifts.size < SHIFTS_MAX) shifts.set(sizeBytes, shift)
  return shift
}
