/** The floor: node:http writing one Buffer, with the fields a player needs and nothing else. Ends with its parent. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { contentFor } from './content.ts'
import type { BareAnswer } from './processes.ts'

const answer = JSON.parse(process.argv[2] ?? '') as BareAnswer
const body = bodyOf(answer)
const fields = fieldsOf(answer)
const server = createServer({ highWaterMark: 1024 * 1024 }, (_req, res) => {
  res.writeHead(answer.status, fields)
  res.end(body)
})
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.on('disconnect', () => process.exit())

function bodyOf(it: BareAnswer): Buffer | undefined {
  switch (it.status) {
    case 200:
      return contentFor(1, it.length)
    case 206:
      return contentFor(1, it.length).subarray(it.start, it.end)
    case 304:
      return undefined
    default:
      return it satisfies never
  }
}

function fieldsOf(it: BareAnswer): string[] {
  const etag = ['ETag', '"1"']
  switch (it.status) {
    case 200:
      return ['Content-Type', 'video/mp2t', 'Content-Length', String(it.length), ...etag]
    case 206: {
      const range = `bytes ${it.start}-${it.end - 1}/${it.length}`
      return [
        ...['Content-Type', 'video/mp2t', 'Content-Length', String(it.end - it.start)],
        ...['Content-Range', range, ...etag],
      ]
    }
    case 304:
      return etag
    default:
      return it satisfies never
  }
}
