/**
 * Gives the memory of a piece of a body back at once. The HTTP library copies every piece into a
 * buffer of its own, and V8 collects buffers only when tens of MiB of them lie about: a frontend
 * under uploads was 80 MiB larger for it. The next piece takes the same, still cached memory.
 *
 * REQUIRES: nobody else has the piece, or will look at it again.
 */
export function freePiece(piece: Buffer): void {
  const { buffer } = piece
  // A view of something larger is not ours to end.
  if (buffer instanceof ArrayBuffer && buffer.byteLength === piece.byteLength) buffer.transfer(0)
}
