"""What Harbour Works builds: two repositories, their areas, and the things in them that pull requests are about."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Thing:
    """Something that can be added, fixed, sped up or tidied.

    Attributes:
        name: what the title calls it.
        need: why somebody wants it, one sentence.
        change: what the pull request does about it, one sentence.
        stem: what its files are called.
    """

    name: str
    need: str
    change: str
    stem: str


@dataclass(frozen=True)
class Area:
    """A part of a repository.

    Attributes:
        name: what titles and labels call it.
        repository: the repository it is in.
        source: its files, with `{stem}` to fill in, the likeliest first.
        tests: its test files.
        sensitive: files of the area that carry a risk of their own: interfaces, locks, schemas.
        things: what its pull requests are about.
    """

    name: str
    repository: str
    source: tuple[str, ...]
    tests: tuple[str, ...]
    sensitive: tuple[str, ...]
    things: tuple[Thing, ...]


WEB = "quayside"
SERVICE = "manifest-service"
FORMER_SERVICE_NAME = "cargo-api"

AREAS = (
    Area(
        "berths",
        WEB,
        ("app/berths/{stem}.py", "web/src/berths/{stem}.tsx", "app/berths/models.py"),
        ("tests/berths/test_{stem}.py",),
        ("app/api/routes/berths.py", "app/berths/locking/lease.py"),
        (
            Thing(
                "berth allocation board",
                "Planners move vessels between berths on paper and type the result in at the end of the shift.",
                "The board lets them drag a vessel to another berth and shows at once what else has to move.",
                "allocation_board",
            ),
            Thing(
                "draught check for deep vessels",
                "A vessel with 14 m draught was given a berth that is 12 m deep at low water.",
                "The planner compares the declared draught with the berth's depth at the lowest tide of the stay.",
                "draught_check",
            ),
            Thing(
                "double booking of a berth",
                "Two planners can book the same berth for overlapping hours when they save within the same second.",
                "A lease on the berth comes before the booking, and the second planner is told who was first.",
                "booking_conflicts",
            ),
            Thing(
                "vessel arrival estimates",
                "Arrival times come from the agent's e-mail and are hours old when a ship slows down.",
                "Estimates are recomputed from position reports every ten minutes and the berth plan follows them.",
                "arrival_estimates",
            ),
            Thing(
                "mooring crew roster",
                "Crews are called by phone because nobody sees who is on shift when a ship comes early.",
                "The roster shows the crews of the next 24 hours beside the berth plan and warns about gaps.",
                "crew_roster",
            ),
        ),
    ),
    Area(
        "yard",
        WEB,
        ("app/yard/{stem}.py", "web/src/yard/{stem}.tsx", "app/yard/slots.py"),
        ("tests/yard/test_{stem}.py",),
        ("app/yard/migrations/0031_slots.sql", "app/yard/transactions/move.py"),
        (
            Thing(
                "container stacking rules",
                "Heavy containers end up on light ones when the yard is full.",
                "Stacking checks weight classes and leaves a tier free above reefers so that they can be reached.",
                "stacking_rules",
            ),
            Thing(
                "reefer temperature alarms",
                "A refrigerated container thawed over a weekend because nobody looked at its probe.",
                "Readings outside the set band for fifteen minutes raise an alarm for the yard foreman.",
                "reefer_alarms",
            ),
            Thing(
                "crane move optimiser",
                "Cranes drive empty for a third of their moves.",
                "Moves are paired so that a crane brings a container back on every trip where one is waiting.",
                "crane_moves",
            ),
            Thing(
                "yard occupancy heat map",
                "Shift leads cannot see which blocks fill up until trucks queue in front of them.",
                "The map colours each block by occupancy and shows the trend of the last six hours.",
                "occupancy_map",
            ),
        ),
    ),
    Area(
        "gate",
        WEB,
        ("app/gate/{stem}.py", "web/src/gate/{stem}.tsx", "app/gate/visits.py"),
        ("tests/gate/test_{stem}.py",),
        ("app/api/routes/gate.py",),
        (
            Thing(
                "truck appointment slots",
                "Trucks arrive in bursts and wait for two hours at the gate.",
                "Hauliers book a slot of thirty minutes, and the gate shows who is early, late or missing.",
                "appointments",
            ),
            Thing(
                "number plate recognition",
                "Guards type plates by hand and mistake O for 0.",
                "The camera's reading is matched with the appointment and only doubtful plates are shown to the guard.",
                "plate_reader",
            ),
            Thing(
                "offline mode of the gate kiosk",
                "The kiosk stops when the mobile network of the terminal does.",
                "Visits are kept in the browser and sent when the network returns, in the order they happened.",
                "offline_kiosk",
            ),
        ),
    ),
    Area(
        "tides",
        WEB,
        ("app/tides/{stem}.py", "app/tides/tables.py"),
        ("tests/tides/test_{stem}.py",),
        (),
        (
            Thing(
                "tide table import",
                "The hydrographic office publishes its tables as fixed-width text that changes every year.",
                "The importer reads the columns from the header and refuses heights out of the known range.",
                "table_import",
            ),
            Thing(
                "storm surge warnings",
                "A surge of a metre is not in the tables, and two gangways were bent.",
                "Forecast surge is added to the tide, and berths below the safe clearance are flagged early.",
                "surge_warnings",
            ),
        ),
    ),
    Area(
        "auth",
        WEB,
        ("app/auth/{stem}.py", "app/auth/session.py", "web/src/auth/{stem}.tsx"),
        ("tests/auth/test_{stem}.py",),
        ("app/auth/permissions.py", "app/crypto/tokens.py"),
        (
            Thing(
                "single sign-on for agents",
                "Shipping agents share one password per company and nobody knows who changed a booking.",
                "Agents sign in with their company's identity provider over OpenID Connect; shared accounts end.",
                "single_sign_on",
            ),
            Thing(
                "session timeout on shared terminals",
                "A crane driver booked under the name of the colleague before him.",
                "Sessions on terminals marked as shared end after five minutes without a key press.",
                "session_timeout",
            ),
            Thing(
                "role permissions editor",
                "Every change of a role needs a deployment.",
                "Administrators edit roles on a page, and each change is written to the audit log with the old value.",
                "role_editor",
            ),
            Thing(
                "two-factor login with hardware keys",
                "Codes sent by text message do not arrive inside the steel sheds.",
                "Hardware keys can be registered as a second factor, with recovery codes for lost ones.",
                "hardware_keys",
            ),
        ),
    ),
    Area(
        "invoicing",
        WEB,
        ("app/invoicing/{stem}.py", "app/invoicing/tariffs.py"),
        ("tests/invoicing/test_{stem}.py",),
        ("app/invoicing/migrations/0017_tariffs.sql",),
        (
            Thing(
                "storage fee calculation",
                "Free days were counted from the booking and not from the discharge, and customers complained.",
                "Free days start at discharge, and public holidays of the port's country are left out.",
                "storage_fees",
            ),
            Thing(
                "credit notes",
                "A wrong invoice is corrected by hand in the accounting system, and the two disagree.",
                "A credit note refers to its invoice, takes its tax rates and is sent with the nightly export.",
                "credit_notes",
            ),
            Thing(
                "rounding of multi-currency invoices",
                "Totals differ by a cent between the page and the exported file.",
                "Amounts are rounded once, per line, with the currency's own number of digits.",
                "currency_rounding",
            ),
        ),
    ),
    Area(
        "search",
        WEB,
        ("app/search/{stem}.py", "web/src/search/{stem}.tsx"),
        ("tests/search/test_{stem}.py",),
        (),
        (
            Thing(
                "container search by partial number",
                "Drivers read the last six digits off the door, and the search wants all eleven characters.",
                "A trigram index finds containers by any part of the number and puts those in the yard first.",
                "partial_numbers",
            ),
            Thing(
                "typing tolerance in vessel names",
                "Nobody finds a ship whose name they cannot spell.",
                "Names are compared without accents and with one wrong letter allowed.",
                "name_matching",
            ),
        ),
    ),
    Area(
        "dashboard",
        WEB,
        ("web/src/dashboard/{stem}.tsx", "web/src/dashboard/{stem}.css", "app/dashboard/{stem}.py"),
        ("web/src/dashboard/{stem}.test.tsx", "tests/dashboard/test_{stem}.py"),
        (),
        (
            Thing(
                "shift handover page",
                "What happened on the last shift is told in the canteen.",
                "The page lists open alarms, delayed ships and blocked lanes, and asks the new lead to confirm each.",
                "shift_handover",
            ),
            Thing(
                "dark theme for night shifts",
                "White screens blind crane drivers at night.",
                "The theme follows the terminal's light sensor and can be fixed in the profile.",
                "dark_theme",
            ),
            Thing(
                "key figures of the terminal",
                "The manager's figures are put together in a spreadsheet every Monday.",
                "Moves per hour, truck turn time and berth occupancy are shown per day, week and month.",
                "key_figures",
            ),
            Thing(
                "right-to-left layout",
                "The Arabic translation is complete, and the layout is not.",
                "Columns, arrows and the berth plan mirror when the language reads from right to left.",
                "rtl_layout",
            ),
        ),
    ),
    Area(
        "notifications",
        WEB,
        ("app/notifications/{stem}.py",),
        ("tests/notifications/test_{stem}.py",),
        ("app/notifications/queue/dispatch.py",),
        (
            Thing(
                "e-mail digest for agents",
                "Agents get forty messages a day and read none.",
                "Messages are collected into one digest a shift unless a ship is less than two hours away.",
                "agent_digest",
            ),
            Thing(
                "delivery retries for webhooks",
                "A customer whose server restarts misses the messages of that minute.",
                "Failed deliveries are tried again with growing pauses for a day and then shown as undeliverable.",
                "webhook_retries",
            ),
        ),
    ),
    Area(
        "manifests",
        SERVICE,
        ("internal/manifests/{stem}.go", "internal/manifests/parser.go"),
        ("internal/manifests/{stem}_test.go",),
        ("proto/manifest/v1/manifest.proto", "db/migrations/0058_manifest_lines.sql"),
        (
            Thing(
                "manifest version history",
                "Carriers send corrections, and nobody can say what was declared at departure.",
                "Each correction becomes a version with its sender and time, and versions can be compared.",
                "version_history",
            ),
            Thing(
                "streaming of large manifests",
                "A manifest of a 20,000 TEU ship takes 3 GB of memory to read.",
                "Lines are read as a stream and written in batches; memory stays under 80 MB.",
                "streaming_reader",
            ),
            Thing(
                "duplicate bill of lading numbers",
                "Two carriers use the same number in one voyage, and the second overwrites the first.",
                "The carrier's code is part of the key, and existing rows are separated by their source file.",
                "bill_numbers",
            ),
        ),
    ),
    Area(
        "customs",
        SERVICE,
        ("internal/customs/{stem}.go", "internal/customs/declaration.go"),
        ("internal/customs/{stem}_test.go",),
        ("api/openapi.yaml",),
        (
            Thing(
                "pre-arrival customs declarations",
                "Declarations are sent after the ship is alongside, and containers wait for their release.",
                "A declaration is sent a day before arrival, once the manifest is final, and amended later.",
                "pre_arrival",
            ),
            Thing(
                "tariff code lookup",
                "Clerks look up commodity codes in a book of 900 pages.",
                "The lookup proposes codes from the goods description and the consignee's history.",
                "tariff_codes",
            ),
            Thing(
                "release message handling",
                "A release for half of the containers releases all of them.",
                "Partial releases are applied per container, and the gate asks for the container's own state.",
                "release_messages",
            ),
        ),
    ),
    Area(
        "edi",
        SERVICE,
        ("internal/edi/{stem}.go", "internal/edi/segments.go"),
        ("internal/edi/{stem}_test.go",),
        (),
        (
            Thing(
                "EDIFACT character sets",
                "Names with accents from a carrier's message arrive as question marks.",
                "The character set in the interchange header is honoured, and unknown ones are refused.",
                "character_sets",
            ),
            Thing(
                "bay plan import",
                "Stowage plans are printed and typed in again.",
                "The bay plan message is read into positions, and containers not in the manifest are reported.",
                "bay_plans",
            ),
            Thing(
                "acknowledgement messages",
                "Carriers ask by phone whether a message arrived.",
                "Every interchange is answered with an acknowledgement that names the segments which were refused.",
                "acknowledgements",
            ),
        ),
    ),
    Area(
        "dangerous-goods",
        SERVICE,
        ("internal/hazard/{stem}.go", "internal/hazard/classes.go"),
        ("internal/hazard/{stem}_test.go",),
        ("proto/hazard/v1/hazard.proto",),
        (
            Thing(
                "segregation of dangerous goods",
                "Oxidisers were stacked beside flammable liquids because the rule was a note on the wall.",
                "The segregation table decides the distance between classes, in the yard and on board.",
                "segregation",
            ),
            Thing(
                "hazard class validation",
                "Declarations with a UN number and the wrong class pass.",
                "UN numbers are checked against the class, the packing group and the limits of the port.",
                "class_validation",
            ),
        ),
    ),
    Area(
        "queue",
        SERVICE,
        ("internal/queue/{stem}.go", "internal/queue/consumer.go"),
        ("internal/queue/{stem}_test.go",),
        ("internal/queue/lock/mutex.go", "internal/queue/worker_pool.go"),
        (
            Thing(
                "poison message handling",
                "One message that cannot be read stops the whole queue behind it.",
                "After five attempts a message is set aside with its error, and the queue goes on.",
                "poison_messages",
            ),
            Thing(
                "graceful shutdown of consumers",
                "Every deployment loses the messages in hand.",
                "Consumers stop taking messages, finish what they hold and give the rest back before they exit.",
                "graceful_shutdown",
            ),
            Thing(
                "deadlock between import and release",
                "Import and release lock vessel and container in opposite order and wait for each other.",
                "Both take the vessel first, and a lock that waits longer than ten seconds gives up with both names.",
                "lock_order",
            ),
        ),
    ),
    Area(
        "api",
        SERVICE,
        ("internal/api/{stem}.go", "internal/api/middleware.go"),
        ("internal/api/{stem}_test.go",),
        ("api/openapi.yaml", "api/routes/manifests.go"),
        (
            Thing(
                "rate limiting per customer",
                "One customer's script takes the service down for all.",
                "Each key has a budget a minute, the answer names what is left, and bursts are smoothed.",
                "rate_limits",
            ),
            Thing(
                "pagination of voyage lists",
                "The list of voyages of a year is a single answer of 40 MB.",
                "Lists are paged by cursor, a hundred voyages at a time, and the old form answers with a warning.",
                "voyage_pages",
            ),
            Thing(
                "cache of port call lookups",
                "The same port call is read from the database two hundred times a second.",
                "Port calls are cached for a minute and dropped when a manifest of theirs changes.",
                "port_call_cache",
            ),
        ),
    ),
)

FEATURE_VERBS = ("Add", "Implement", "Introduce", "Support", "Enable", "Build")
FEATURE_LABELS = (
    "feature",
    "enhancement",
    "type:feature",
    "improvement",
    "feat",
    "kind/feature",
    "new-feature",
    "addition",
)
KIND_LABELS = {
    "fix": ("bug", "fix", "hotfix", "regression"),
    "refactor": ("refactor", "cleanup", "tech-debt"),
    "docs": ("docs", "documentation"),
    "test": ("test", "tests", "qa"),
    "ci": ("ci", "build", "infra"),
    "chore": ("chore", "maintenance"),
    "perf": ("performance",),
    "migration": ("database",),
    "deps": ("dependencies",),
    "revert": ("revert",),
}
LABEL_COLORS = ("0e8a16", "d73a4a", "a2eeef", "fbca04", "5319e7", "c5def5", "e99695", "bfd4f2")

GUIDES = (
    "docs/guides/berth-planning.md",
    "docs/guides/gate.md",
    "docs/runbook.md",
    "README.md",
    "docs/adr/0007-leases.md",
)
PIPELINES = (
    ".github/workflows/ci.yml",
    "deploy/Dockerfile",
    "deploy/charts/values.yaml",
    "docker-compose.yml",
    ".env.example",
)
IMAGES = ("web/public/img/berth-map.png", "web/public/img/crane.svg", "docs/media/handover.gif")
PACKAGES = (
    "orjson",
    "httpx",
    "vite",
    "react",
    "golang.org/x/net",
    "pydantic",
    "protobuf",
    "sqlalchemy",
    "eslint",
    "pgx",
)

REVIEW_PRAISE = (
    "Looks good to me.",
    "Nice, this reads much better than before.",
    "LGTM 🚢",
    "Tried it on the test terminal, works as described.",
    "👍",
    "",
    "",
    "",
)
REVIEW_REMARKS = (
    "What happens here when the vessel has no berth yet?",
    "Could this be a named constant? The 15 comes up twice.",
    "This runs inside the request. Should it not go through the queue?",
    "The error should say which container it was.",
    "Nit: the name says minutes and the value is seconds.",
    "Is there a test for the empty list?",
    "I would rather fail here than guess.",
    "これは時差を考慮していますか？",
    "We had this bug before, see the runbook on clock changes.",
    "Please keep the check for the role, support relies on it.",
)
REPLIES = (
    "Good catch, fixed.",
    "Done in the last commit.",
    "Intended: the caller checks it.",
    "Right, I added a test.",
    "Спасибо, исправил.",
)
COMMENTS = (
    "Can we get this into the release of Thursday?",
    "Rebased on main.",
    "The test terminal has this build now, please have a look.",
    "Blocked by the change of the tariff table.",
    "I split the second half into another pull request.",
    "Who knows why this was done with a lock in the first place?",
    "Screenshots are in the description.",
    "@port-core please review before Friday.",
    "Works on the handheld too 🎉",
)
CHECK_REPORT = "All checks passed in 6 min 12 s. Coverage 84.1 % (+0.2)."
COMMIT_FOLLOW_UPS = (
    "Address review",
    "Fix lint",
    "Add missing test",
    "Rename for clarity",
    "Handle the empty case",
    "wip",
    "Merge branch 'main'",
)
