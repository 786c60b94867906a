"""Your own data on the Data sets page: nothing chosen, a file that is read, and files that can't be."""

import errno

import pytest

from dashboard import own_data, own_job
from engine.data import own
from engine.errors import FewbitsError
from tests.dashboard import make_runs
from tests.dashboard.conftest import button, texts


def upload(app, name, content):
    app.file_uploader[0].upload(name, content, "text/csv").run()
    return app


@pytest.fixture
def quick(monkeypatch):
    """Wait for the import while the button is down, however busy the machine: fragments don't rerun in tests."""
    monkeypatch.setattr(own_data, "QUICK_S", 60.0)


def test_the_template_goes_through_the_page_and_becomes_a_data_set(show, root, quick):
    app = upload(show("data_sets"), "My books.csv", own_data.TEMPLATE.read_bytes())
    assert not app.error and not app.exception
    chosen = {s.label: s.value for s in app.selectbox}
    assert (chosen["User"], chosen["Item"], chosen["Time"]) == ("user_id", "item_id", "timestamp")
    assert (chosen["Rating"], chosen["Item's name"]) == ("rating", "title")
    assert app.text_input[0].value == "my-books"
    app.number_input(key="o_least").set_value(3.0)
    app.number_input(key="o_core").set_value(2)
    app.selectbox(key="o_split_2").set_value("last").run()
    button(app, "Add data set").click().run()
    assert not app.error and not app.exception
    said = texts(app)
    assert "my-books was added" in said and "10 rows read" in said and "2 rows of the file dropped" in said
    assert "left: 6 interactions of 3 users and 2 items; 3 for training, 3 for the test" in said.replace("\\", "")
    assert "my-books" in set(app.dataframe[0].value["Name"])
    assert own.names(root) == ["my-books"]
    make_runs.publish(root)
    offered = next(m for m in show("new_run").multiselect if m.label == "Data sets").options
    assert "my-books (your own)" in offered


@pytest.mark.parametrize(("name", "content", "words"), [
    ("a.csv", b"user\na\n", "has one column"), ("a.csv", b"", "is empty"),
    ("a.parquet", b"user,item\na,b\n", "is none"),
    ("a.csv", b"user,item\na,b\n" + b"c,d,e\n", "line 3"),
])  # fmt: skip
def test_a_file_that_is_no_table_is_a_sentence(show, root, quick, name, content, words):
    app = upload(show("data_sets"), name, content)
    if not app.error:  # seen only where the whole file is read
        button(app, "Add data set").click().run()
    assert words in app.error[0].value.replace("\\", "") and not app.exception
    assert own.names(root) == []


def test_a_full_disk_is_a_sentence_and_the_rest_of_the_page_is_there(show, root, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(own_job.Path, "write_bytes", full)
    app = upload(show("data_sets"), "a.csv", b"user,item\na,b\n")
    assert "set TMPDIR to another folder" in app.error[0].value and "mistake in the dashboard" not in texts(app)
    assert "Prepared splits" in texts(app)


def test_without_any_folder_for_temporary_files_it_is_the_same_sentence(show, root, monkeypatch):
    def none():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(own_job.tempfile, "gettempdir", none)
    with pytest.raises(FewbitsError, match="could not be written to any folder for temporary files"):
        own_job.keep("1", "a.csv", memoryview(b""))


def test_a_name_that_is_taken_is_said_before_the_file_is_read(show, root):
    app = upload(show("data_sets"), "a.csv", b"user,item\na,b\na,c\n")
    app.text_input[0].set_value("gowalla").run()
    assert "already" in app.error[0].value
    assert "Add data set" not in [b.label for b in app.button]


def test_columns_without_usual_names_are_asked_for(show, root):
    app = upload(show("data_sets"), "a.csv", b"p,q\nx,y\nx,z\n")
    assert "Choose which column is the user" in texts(app)
    app.selectbox[0].set_value("p").run()
    app.selectbox[1].set_value("q").run()
    assert button(app, "Add data set")


def test_an_import_at_work_shows_its_progress_and_can_be_cancelled(show, root):
    class Working:
        """Stands for a `Job` that does not end by itself."""

        name, at, doing, cancelled, vectors = "my-shop", 0.4, "reading the file", False, ()

        def done(self):
            return False

        def cancel(self):
            self.cancelled = True

    job = Working()
    app = show("data_sets", {"o_job": job})
    assert "Adding my-shop: reading the file" in [p.text.replace("\\", "") for p in app.get("progress")]
    button(app, "Cancel").click().run()
    assert job.cancelled
