/**
 * Loaded into the shield's process before the shield (`--import …/grown.ts?entries=N`): with the first answer that is
 * stored come copies of it under other names, each with bytes of its own, until there are N. Fetching a million of them
 * would take longer than anyone waits.
 */

import { BufferedBody } from '../../src/cache/buffered-body.ts'
import { Store } from '../../src/cache/store.ts'

const entries = Number(new URL(import.meta.url).searchParams.get('entries'))
const { put } = Store.prototype

Store.prototype.put = function (this: Store, ...[key, response, reservation, ...more]: Parameters<Store['put']>) {
  Store.prototype.put = put
  const { bytes: cost } = reservation
  put.call(this, key, response, reservation, ...more)
  const { bytes } = response.body
  if (bytes === undefined) throw new Error('the first answer is not whole')
  for (let number = 2; number <= entries; number += 1) {
    const room = this.reserve(cost)
    if (room === undefined) throw new Error(`no room for ${entries} answers`)
    // As the benchmark's objects are named: the first number tells them apart.
    put.call(this, key.replace(/\d+/, String(number)), { ...response, body: BufferedBody.of(bytes) }, room, ...more)
  }
}
