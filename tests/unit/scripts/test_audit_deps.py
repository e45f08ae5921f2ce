"""`make audit-deps`: what was not checked is never told as clean."""

import json

from scripts.audit_deps import FOUND, NOT_CHECKED, read_npm_audit, read_pip_audit, tell

CLEAN = {"name": "attrs", "version": "25.1", "vulns": []}
HOLE = {"name": "jinja2", "version": "2.4", "vulns": [{"id": "PYSEC-2019-217"}, {"id": "CVE-2024-1"}]}
SKIPPED = {"name": "web3", "skip_reason": "Dependency not found and could not be audited: web3 (7.16.0)"}


def pip(*dependencies) -> str:
    return json.dumps({"dependencies": list(dependencies), "fixes": []})


def npm(vulnerabilities: dict, total: int = 3) -> str:
    return json.dumps({"vulnerabilities": vulnerabilities, "metadata": {"dependencies": {"total": total}}})


def test_everything_checked_and_nothing_found_is_clean(capsys):
    assert tell([read_pip_audit("dev.lock", pip(CLEAN)), read_npm_audit("package-lock.json", npm({}))]) == 0
    assert "dev.lock: 1 checked, 0 with known" in capsys.readouterr().out


def test_a_known_vulnerability_is_named_with_its_package(capsys):
    assert tell([read_pip_audit("dev.lock", pip(CLEAN, HOLE, SKIPPED))]) == FOUND
    assert "jinja2 2.4: PYSEC-2019-217, CVE-2024-1" in capsys.readouterr().out
    assert tell([read_npm_audit("lock", npm({"ws": {"severity": "high", "range": "<8"}}))]) == FOUND
    assert "ws: high (<8)" in capsys.readouterr().out


def test_what_the_database_does_not_answer_about_is_not_clean(capsys):
    assert tell([read_pip_audit("dev.lock", pip(CLEAN, SKIPPED, SKIPPED))]) == NOT_CHECKED
    assert "dev.lock: 1 checked" in (told := capsys.readouterr().out) and "NOT CHECKED: 2" in told


def test_no_answer_at_all_is_not_clean(capsys):
    for answer in ("", "Connection refused", "[]", '{"error": {"summary": "no network"}}', '{"message": "405"}'):
        assert tell([read_pip_audit("dev.lock", answer)]) == NOT_CHECKED
        assert tell([read_npm_audit("package-lock.json", answer)]) == NOT_CHECKED
    assert "405" in capsys.readouterr().out
