import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { BlockInfoSchema, GetResponseSchema } from '@kura/proto'

/**
 * A GetResponse up to the first byte of its block, which is sent behind it from the buffer where
 * it lies. The block is the last field, as the numbers in the contract have it.
 */
export function encodeGetHead(
  info: MessageInitShape<typeof BlockInfoSchema>,
  blockSizeBytes: number,
): Uint8Array {
  const { info: infoField, block } = GetResponseSchema.field
  return new BinaryWriter()
    .tag(infoField.number, WireType.LengthDelimited)
    .bytes(toBinary(BlockInfoSchema, create(BlockInfoSchema, info)))
    .tag(block.number, WireType.LengthDelimited)
    .uint32(blockSizeBytes)
    .finish()
}
