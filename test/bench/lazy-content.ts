/** Bytes of an object of any length, made where they are needed: nobody ever has the whole of it in memory. */

import { contentFor } from './content.ts'

const TEMPLATE_BYTES = 64 * 1024
const PAGE_BYTES = 4096
const templates = new Map<number, Buffer>()

/** The bytes from `start` up to `end`: noise by seed, and in every page of 4 KiB its own number, so that none can pose as another. */
export function lazyBytes(seed: number, start: number, end: number): Buffer {
  const template = templates.get(seed) ?? contentFor(seed, TEMPLATE_BYTES)
  templates.set(seed, template)
  const firstPage = Math.floor(start / PAGE_BYTES)
  const pages = Math.ceil(end / PAGE_BYTES) - firstPage
  const bytes = Buffer.allocUnsafeSlow(pages * PAGE_BYTES)
  for (let page = 0; page < pages; page += 1) {
    const number = firstPage + page
    const from = (number * PAGE_BYTES) % TEMPLATE_BYTES
    template.copy(bytes, page * PAGE_BYTES, from, from + PAGE_BYTES)
    bytes.writeUInt32LE(number, page * PAGE_BYTES)
  }
  return bytes.subarray(start - firstPage * PAGE_BYTES, end - firstPage * PAGE_BYTES)
}
