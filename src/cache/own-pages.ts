/**
 * Memory for bodies: the long ones get pages of their own, which go back to the system whole as soon as V8 lets go of them.
 *
 * What is allocated in the common way shares the C library's heap with everything short-lived, and glibc keeps ever larger
 * blocks there once it has seen them freed: when what is cached is replaced by bodies of other lengths, the holes between
 * them cost as much again as the cache. Pages of one's own cost the system's work to clear them, once a body; below
 * `OWN_PAGES_FROM` that is not worth it.
 */

/** Bytes. Most segments that are not of the lowest quality, and every slice of the usual size. */
const OWN_PAGES_FROM = 512 * 1024

/** So many bytes, of unknown content. Throws where the machine has no memory left. */
export function allocateBytes(length: number): Buffer {
  if (length < OWN_PAGES_FROM) return Buffer.allocUnsafeSlow(length)
  // V8 reserves a buffer that may be resized in the system's pages; this one is as long as it may become.
  return Buffer.from(new ArrayBuffer(length, { maxByteLength: length }), 0, length)
}
