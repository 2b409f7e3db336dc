import { open } from 'node:fs/promises'

/** Behind everybody's back, on the medium when it returns; a second call undoes it. */
export async function flipBit(path: string, offsetBytes: number): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const byte = Buffer.alloc(1)
    await file.read(byte, 0, 1, offsetBytes)
    byte[0] = (byte[0] ?? 0) ^ 0x10
    await file.write(byte, 0, 1, offsetBytes)
    await file.datasync()
  } finally {
    await file.close()
  }
}
