"""Verification by anyone.

It covers log, signatures, seconds, figures, register and feed files.
"""

from wicketgate.clients.verify.keys import read_key as read_key
from wicketgate.clients.verify.report import Check as Check
from wicketgate.clients.verify.report import Report as Report
from wicketgate.clients.verify.run import verify_folder as verify_folder
from wicketgate.clients.verify.run import verify_url as verify_url
