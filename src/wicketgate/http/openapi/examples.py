"""Examples for the API's description, as JSON.

Vehicles, tokens and hashes are invented.

`tests/unit/http/test_openapi.py` decodes each by its type and holds it to its schema.
"""

from __future__ import annotations

from wicketgate.commits.transactions import CameraSet
from wicketgate.gateway.filing.hotlists import ListTaken
from wicketgate.hotlists.forms import HotlistLine
from wicketgate.http import answers, token_answers
from wicketgate.http.api.custody import JournalSaid
from wicketgate.http.api.disclosures import Deleted, Disclosed
from wicketgate.http.api.hits import OutcomeSaid
from wicketgate.http.api.why import Asked
from wicketgate.http.openapi.bodies import BatchHeader, EnvelopeBody, ResponseSaid, RowBody
from wicketgate.ledger.facts import FactAnswer
from wicketgate.reads.images.several import ImageGone, ImagesAsked, ImageSent
from wicketgate.reads.parse import RawRead

_ROOT = "193fec3a46f1f96b932677428802dfc61d06612f5bcf99408ba41b512eac7b99"
_SALT = "0cc5d9bcf271c97cddcf5776105b4957"
_SIGNATURE = "WosN9RVnhc/0m0ChjQaTnqAXWeuvhzdl5D3fTpw9mj5qRxzMm89o1wEkZ0OKJGvyd2t5U0TPgOKgby6cgBhgBg=="
_FACT = (
    '"leaf":"fff991777242a990fb99f79640cbcf0a0f3739e0e22c5ffa77085cf1d6c465c0","index":255,"size":256,'
    '"path":["ff823062c6a02b82abf34df04d1b8eb32d1c54e6c8d03606ccbd567383323bf7"],'
    '"root":"0bd430c622b8faf6bc8e174a09b75d9b3a86c57367725c52be6a0c8beda01502","second":"2026-07-08T12:00:00Z",'
    '"entry":57'
)
_RELEASED = (
    '"authority":"tfl-met-ct@1","batch":1,"commit":62,"kind":"release","released_at":"2026-07-08T12:00:00.615033Z",'
    f'"root":"{_ROOT}","rows":1,"salt":"{_SALT}"'
)
_HIT = (
    '{"id":"3f6c2a9be81d4470aa52c913","authority":"tfl-met-wanted@1","seq":812,"voi":"b0f5d5c2a1e94f77",'
    '"kind":"robbery","priority":1,"quality":"exact","raised_at":"2026-07-08T12:00:00.412Z",'
    '"due_at":"2026-07-08T12:15:00.412Z","overdue":false,"status":"confirmed","actionable":true,'
    '"cannot_confirm":null,"read":{"plate":"AB12CDE","confidence":0.93,"captured_at":"2026-07-08T11:59:59.871Z",'
    '"source":"tfl","camera":"ccz-0001","camera_name":"Waterloo Bridge, north side",'
    '"latitude":51.5166,"longitude":-0.1183,'
    '"vehicle":{"make":"Ford","colour":"white"}},"listed":{"plate":"AB12CDE","reason":"seen at two robberies"},'
    '"outcomes":[{"outcome":"confirmed","reason":"","by":"PC 4711","at":"2026-07-08T12:01:30.5Z"}]}'
)
_HEADER = (
    f'{{"batch":1,"commit":62,"authority":"tfl-met-ct@1","rows":1,"root":"{_ROOT}",'
    '"sha256":"73c1217055d5afc2228e0dc3387d0834bb6007c5e136e0222d9c4c4f7ff00d37",'
    f'"released_at":"2026-07-08T12:00:00.615033Z","promise":{{"salt":"{_SALT}","second":"2026-07-08T12:00:00Z",'
    f'"merge_by":"2026-07-08T12:00:06Z","signature":"{_SIGNATURE}"}}}}'
)
_ROW = (
    '{"seq":1,"salt":"2035cc36a9aac6bc2537093e475f4a8b","authority":"tfl-met-ct@1","read":{"plate":"AB12CDE",'
    '"confidence":0.94,"captured_at":"2026-07-08T12:00:00.250Z","source":"tfl","camera":"ccz-0001",'
    '"camera_name":"Waterloo Bridge, north side","position":[-0.1183,51.5166],"lane":2,'
    '"direction":"towards"}}'
)

CHECKPOINT = (
    "log.example/wicketgate\n257\niu5gV/oiTUiLnFOHw7CIvBjcAgdrDo+0cftKlPBwxIQ=\n\n— log.example/wicketgate "
    "t1TJX1JgO/M5AreskmMwQai39iRi4InclB8g2W7q2Cwu8hR3ttxWFMAgDSnfk5ygFnCEMs4gvztxWs+OsXXAPKPLFgw=\n"
)
VKEY = "log.example/wicketgate+911b0db2+AVPO+Hf7+e/jnLrFLiNvAKotyqOZSITD1nScJ3iXc3hQ\n"
METRICS = 'wicketgate_reads_total{became="accepted"} 5.0\nwicketgate_projection_lag 0.0\n'
HOTLIST_CSV = "AB12CDE,Ford,,blue,STOP,,seen at two robberies,,,MPS,31/07/2026,,,,call first,\r\n"
BATCH_EVENT = f"id: 1\ndata: {_HEADER}\ndata: {_ROW}\n\n"

EXAMPLES: dict[type, tuple[str, ...]] = {
    RawRead: (
        '{"id":"7f3a-000001","camera":"ccz-0001","captured_at":"2026-07-08T12:00:00.250Z","plate":"AB12 CDE",'
        '"confidence":0.94,"lane":2,"direction":"towards","vehicle":{"colour":"blue","kind":"van"}}',
        '{"camera":"ccz-0002","captured_at":"2026-07-08T13:00:01+01:00","plate":"AA51 AAA","confidence":0.97}',
    ),
    CameraSet: (
        '{"id":"ccz-0001","name":"Waterloo Bridge, north side","groups":["ccz-boundary"],'
        '"latitude":51.5166,"longitude":-0.1183,"heading":90.0,'
        '"zone":"Europe/London","aliases":["ACCC8ED3290D"]}',
        '{"id":"ccz-0002","groups":["ccz"]}',
    ),
    EnvelopeBody: (
        '{"payloadType":"application/vnd.wicketgate.revocation+json","payload":"eyJyZXZvY2F0aW9uIjp7fX0=",'
        f'"signatures":[{{"keyid":"{_ROOT}","sig":"{_SIGNATURE}"}}]}}',
    ),
    HotlistLine: (
        '{"plate":"AB12CDE","kind":"robbery","priority":1,"reason":"seen at two robberies",'
        '"expires_at":"2026-07-31T23:00:00Z","make":"Ford","colour":"blue"}',
    ),
    OutcomeSaid: ('{"outcome":"not-acted","reason":"no car was free","by":"PC 4711"}',),
    Disclosed: (
        '{"authority":"tfl-met-ct","to":"gchq","law":"Counter-Terrorism Act 2008, section 19","rows":120,'
        '"id":"d-2026-014"}',
    ),
    Deleted: (
        '{"authority":"tfl-met-ct","deleted_until":"2026-07-08T12:00:00Z","method":"daily purge of store and backups",'
        '"by":"information manager"}',
    ),
    JournalSaid: (f'{{"size":812,"root":"{_ROOT}","consistency":["{_ROOT}"],"batch":43117}}',),
    Asked: (
        '{"read":{"source":"tfl","camera":"ccz-0003","captured_at":"2026-07-08T11:59:58Z"},"authority":"tfl-met-ct",'
        '"as_of_entry":812}',
    ),
    ResponseSaid: ('{"text":"I pass this camera each day, and object.","name":"A. Driver","publish":true}',),
    answers.ReadsTaken: (
        '{"accepted":1,"repeated":0,"quarantined":[{"index":1,"code":"unknown-camera",'
        '"detail":"this source has registered no such camera"}]}',
    ),
    answers.ImageTaken: (f'{{"image":"patch","sha256":"{_ROOT}","repeated":false}}',),
    ImagesAsked: ('{"refs":["q3Jm0Zt8YH2c_invented","Wk7d1bXn5RL9-invented"]}',),
    ImageSent: (
        f'{{"ref":"q3Jm0Zt8YH2c_invented","sha256":"{_ROOT}","type":"image/jpeg","bytes":3,"data":"/9j/"}}',
    ),
    ImageGone: ('{"ref":"Wk7d1bXn5RL9-invented","code":"not-found"}',),
    answers.Registered: ('{"entry":56,"cameras":2}',),
    answers.CamerasShown: (
        '{"cameras":[{"id":"ccz-0002","name":null,"groups":["ccz"],"latitude":null,"longitude":null,"heading":null,"zone":null,'
        '"aliases":[],"ignore_offset":false,"words":false,"signs":5,"sign_at":"2026-07-08T12:00:00Z","counts":{"accepted":120,"repeated":3,"plate-unreadable":2},"judged":{"exact-confirmed":20,'
        '"exact-misread":null,"possible-confirmed":null,"possible-misread":10}}],"source":"tfl",'
        '"judged_from":"2026-07-01T00:00:00Z","judged_until":"2026-08-01T00:00:00Z",'
        '"unknown_signs":0,"unknown":{"unknown-camera":1},"unkept":0}',
    ),
    answers.Quarantined: (
        '{"number":2,"at":"2026-07-08T12:00:00.685341Z","camera":null,"code":"unknown-camera",'
        '"detail":"this source has registered no such camera","read":{"camera":"ccz-9999",'
        '"captured_at":"2026-07-08T13:00:01+01:00","plate":"AA51 AAA","confidence":0.97}}',
    ),
    answers.Effect: ('{"entry":55,"in_force_from":"2026-07-08T12:00:00.239147Z"}',),
    answers.Feeds: ('{"feeds":[{"authority":"tfl-met-ct","version":1,"status":"in-force","batches":4}]}',),
    BatchHeader: (_HEADER,),
    RowBody: (_ROW,),
    FactAnswer: (f"{{{_FACT}}}",),
    answers.BatchProof: (
        f'{{"batch":1,"fact":{{{_RELEASED}}},{_FACT},'
        '"entry_proof":["5003350c78b71022d2b554e7d20cc5e88b0e5a0147ebd431735cb1d481093a86"],'
        '"checkpoint":"log.example/wicketgate\\n257\\n…"}',
    ),
    ListTaken: (
        '{"revision":7,"entries":1204,"added":3,"changed":1,"removed":0}',
        '{"revision":7,"entries":1204,"added":3,"changed":1,"removed":0,"unfit":{"paid":"too-few"}}',
    ),
    answers.HitShown: (_HIT,),
    answers.HitsShown: (f'{{"hits":[{_HIT}]}}',),
    answers.DisclosureTaken: ('{"id":"d-2026-014","commit":8112,"version":1,"status":"in-force"}',),
    answers.CustodyTaken: ('{"commit":8113}',),
    answers.CustodyLast: (
        f'{{"size":812,"root":"{_ROOT}","batch":43117,"at":"2026-07-08T12:00:00Z","commit":8113}}',
        '{"size":0,"root":null,"batch":0,"at":null,"commit":null}',
    ),
    answers.ReceiptTaken: ('{"commit":8113,"counts_until":"2026-07-08T00:00:00Z"}',),
    answers.Answered: (
        '{"at":"2026-07-08T12:00:00.999999Z","as_of_entry":812,"read":{"source":"tfl","camera":"ccz-0003",'
        '"captured_at":"2026-07-08T11:59:58Z"},"late":null,"answers":[{"authority":"tfl-met-ct@1",'
        '"recipient":"met/national-security-units","purpose":"national-security/terrorism","mode":"bulk",'
        '"allowed":false,"reason":"suspended","fields":[],"listed":null,"words":["`tfl-met-ct@1` did not let it go: it '
        'is suspended since 2026-07-08T11:00:00Z by the suspension `s-1` (entry 640, signed by ico/commissioner)."]}],'
        '"notes":[]}',
    ),
    answers.Opening: ('{"number":58,"sealed":"YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSA…"}',),
    token_answers.TokenName: ('{"name":"source:tfl"}',),
    token_answers.Token: ('{"name":"source:tfl","token":"Zq3nQmC2hJ0K6sVw9yYtD1xR8uB5pF7eL4gA-invented"}',),
    token_answers.TokensShown: ('{"names":[{"name":"admin","tokens":1},{"name":"source:tfl","tokens":2}]}',),
    answers.Health: ('{"status":"ok"}',),
}
"""One or several of each type that has any."""
