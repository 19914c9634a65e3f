// A provider of OpenID Connect, as others wrote it, on the loopback; and a control port by which a test turns its keys,
// asks how often it was called, or has its answers go wrong on their way.
import { createServer } from 'node:http'
import Provider from 'oidc-provider'
import * as jose from 'jose'

const { port, control, clients, people } = JSON.parse(process.argv[2])
const issuer = `http://127.0.0.1:${port}`
const PATHS = { metadata: '/.well-known/openid-configuration', keys: '/jwks', token: '/token' }
const counts = {}
let turned = 0
let fault = {}
let key
let handle

async function turn () {
  const { privateKey } = await jose.generateKeyPair('RS256', { extractable: true })
  const jwk = { ...await jose.exportJWK(privateKey), kid: `key-${++turned}`, use: 'sig', alg: 'RS256' }
  key = { privateKey, kid: jwk.kid }
  const provider = new Provider(issuer, {
    clients,
    jwks: { keys: [jwk] },
    cookies: { keys: ['invented'] },
    conformIdTokenClaims: false,
    claims: { openid: ['sub', 'name', 'unit', 'roles'] },
    pkce: { required: () => true },
    features: { devInteractions: { enabled: true } },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) })
  })
  provider.use(async (context, next) => {
    await next()
    if (context.path === PATHS.token && context.body?.id_token && fault.at === 'token') {
      context.body = { ...context.body, ...await forged(context.body.id_token) }
    }
  })
  handle = provider.callback()
}

// An id token with something wrong in it, signed as well as it can be.
async function forged (good) {
  const claims = jose.decodeJwt(good)
  const now = Math.floor(Date.now() / 1000)
  const said = { ...claims, ...fault.claims }
  if (fault.expired) Object.assign(said, { iat: now - 900, exp: now - 300 })
  if (fault.stale) Object.assign(said, { auth_time: now - 600 })
  for (const name of fault.without ?? []) delete said[name]
  const signing = alg => new jose.SignJWT(said).setProtectedHeader({ alg, kid: fault.kid ?? key.kid })
  switch (fault.kind) {
    case 'claims': return { id_token: await signing('RS256').sign(key.privateKey) }
    case 'none': return { id_token: new jose.UnsecuredJWT(said).encode() }
    case 'secret': return { id_token: await signing('HS256').sign(new TextEncoder().encode(clients[0].client_secret)) }
    case 'stranger': return { id_token: await signing('RS256').sign((await jose.generateKeyPair('RS256')).privateKey) }
    case 'missing': return { id_token: undefined }
    default: return {}
  }
}

function answer (request, response) {
  const path = request.url.split('?')[0]
  counts[path] = (counts[path] ?? 0) + 1
  if (path !== PATHS[fault.at]) return handle(request, response)
  switch (fault.kind) {
    case 'down': return request.socket.destroy()
    case 'slow': return void setTimeout(() => handle(request, response), fault.ms)
    case 'drip': {
      response.writeHead(200, { 'content-type': 'application/json' })
      const drip = setInterval(() => response.write(' '), 200)
      return void response.on('close', () => clearInterval(drip))
    }
    case 'huge': return response.writeHead(200, { 'content-type': 'application/json' }).end(`{"x":"${'x'.repeat(2 << 20)}"}`)
    case 'redirect': return response.writeHead(302, { location: `${issuer}/elsewhere` }).end()
    case 'text': return response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Sign in')
    case 'failed': return response.writeHead(500).end('{}')
    case 'packed': return response.writeHead(200, { 'content-encoding': 'gzip' }).end('{}')
    case 'other': return response.writeHead(200).end(JSON.stringify({ issuer: 'https://other.example' }))
    default: return handle(request, response)
  }
}

await turn()
createServer(answer).listen(port, '127.0.0.1', () => {
  createServer(async (request, response) => {
    let body = ''
    for await (const part of request) body += part
    const said = body ? JSON.parse(body) : {}
    if (said.turn) await turn()
    if (said.fault) fault = said.fault
    response.end(JSON.stringify(counts))
  }).listen(control, '127.0.0.1', () => console.log('ready'))
})
