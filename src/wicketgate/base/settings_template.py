"""The settings that `init` writes, each explained."""

TEMPLATE = """\
# What the operator may set. What may leave is set by signed documents alone.
host = "127.0.0.1"
port = 8080
# With both it speaks TLS alone. A new certificate is taken within some seconds, without a start.
# certificate = "https.pem"
# key = "https.key"
# The size at which one feed is full: its releases stop, the others go on.
# feed_bytes = 68719476736
# Where the public reaches it, for the commands that its pages show.
# address = "https://gate.example"
# Who answers questions about this gateway, as `/about` shows it: an address, a number, an office.
# contact = "Data protection, Town Hall, data@council.example"
# Free space of the disk below which there is an alarm, and below which no reads are taken.
# disk_alarm_bytes = 68719476736
# disk_stop_bytes = 4294967296
# The web servers in front of it: from these networks alone `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
# proxies = ["127.0.0.1/32", "::1/128"]
# Processes that take what sources send, beside the gateway's own; unset, one for each core but one, at most four.
# fronts = 1
# Processes that serve pages, the log and feeds; unset, none on one core or two, one on three or four, two above.
# readers = 1
# Where the past may be searched: accepted reads are kept for their retention, by a process of 200 MB and more.
# history = true
# What the quarantine keeps of one source in an hour. Beyond it reads that cannot be taken are counted alone.
# quarantine_items = 10000
# quarantine_bytes = 33554432

# An external NATS server or cluster instead of the child process. `sync_interval: always` is asserted at start.
# [streams]
# url = "tls://nats.example:4222"
# user = "gateway"
# password_file = "nats.password"
# system_user = "system"
# system_password_file = "nats-system.password"
# ca_file = "nats-ca.pem"
# replicas = 3
# Two sequencers of this deployment, of which one waits.
# standby = true

# Cameras and Frigate by MQTT. Without a certificate it listens on the loopback, unless `host` is set.
# [mqtt]
# host = "0.0.0.0"
# port = 8883
# certificate = "mqtt.pem"
# key = "mqtt.key"

# An S3 store for images instead of the folder `images`. What lies there is encrypted; the keys stay here.
# [images]
# url = "s3://bucket/prefix"
# region = "eu-west-2"
# access_key_file = "s3-access.key"
# secret_key_file = "s3-secret.key"
# endpoint = "https://s3.example"

# The secrets of the gateway at the providers by which people sign in, each in a file; one without is a public client.
# [providers]
# "met/identity" = "met-identity.secret"

# Alerts go to these targets alone; each place sets its own rules. They need `address`.
# [alerts]
# silent_minutes = 60
# private = ["10.20.0.0/16"]
# [alerts.mail]
# host = "mail.example"
# from = "wicketgate@gate.example"
# user = "wicketgate"
# password_file = "mail.password"
# [alerts.targets.met-desk]
# for = ["recipient:met/duty-desk"]
# webhook = "https://hooks.example/wicketgate"
# secret_file = "met-desk.secret"
# [alerts.targets.met-mail]
# for = ["recipient:met/duty-desk", "office:met/oversight"]
# mail = ["duty@met.example"]
# [alerts.targets.met-chat]
# for = ["recipient:met/duty-desk"]
# apprise_file = "met-chat.url"

# Registers of keepers, each asked about one vehicle at a time, as signed authorities let it be.
# [registers.dvla]
# url = "https://register.example"
# key_file = "register.key"
# enquirer = "tfl"
# zone = "Europe/London"

# To whom the keys of backups are encrypted: age keys, whose other halves lie elsewhere.
# [backup]
# recipients = ["age1..."]
# Adapters of your own for cameras, each a form in TOML; `wicketgate adapter try` prints these lines.
# [adapters.gate]
# file = "gate.toml"
# sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

# The bounds on connections, requests and bytes; the operator's manual lists them all.
# [limits]
# connections = 8192
# strangers_of_peer = 512
# connections_of_source = 8192
"""
