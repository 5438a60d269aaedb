/**
 * The floor of a miss: node:http, the AWS SDK's client with a pool that is large enough, and a pipe between them. Keeps
 * nothing. Takes the origin's port as its argument, and ends with its parent.
 */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream'
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { NodeHttpHandler } from '@smithy/node-http-handler'

const client = new S3Client({
  endpoint: `http://127.0.0.1:${process.argv[2]}`,
  region: 'us-east-1',
  forcePathStyle: true,
  credentials: { accessKeyId: 'bench', secretAccessKey: 'bench-secret' },
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
  requestHandler: new NodeHttpHandler({ httpAgent: { keepAlive: true, maxSockets: 200 } }),
})

const server = createServer(async (req, res) => {
  try {
    const answer = await client.send(new GetObjectCommand({ Bucket: 'bench', Key: (req.url ?? '').slice(1) }))
    const body = answer.Body as Readable
    if (res.destroyed) {
      body.destroy()
      return
    }
    res.writeHead(200, [
      ...['Content-Type', answer.ContentType ?? 'video/mp2t', 'Content-Length', String(answer.ContentLength)],
      ...['ETag', answer.ETag ?? ''],
    ])
    // Either end that fails ends the other: that is all there is to do.
    pipeline(body, res, () => undefined)
  } catch {
    // The load generator counts what is no 200.
    res.writeHead(502).end()
  }
})
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.on('disconnect', () => process.exit())
